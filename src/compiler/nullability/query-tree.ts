import type { Catalog, CatalogFunction } from '../engine/catalog.ts';
import { isNode, listOf, numberOf, type TreeNode, type TreeValue } from '../engine/node-tree.ts';

// Numbers by which PostgreSQL's trees say what a thing is.
export const rteRelation = 0;
export const rteSubquery = 1;
export const rteJoin = 2;
export const rteFunction = 3;
export const rteValues = 5;
export const rteCte = 6;
export const rteGroup = 9;

export const joinInner = 0;
export const joinLeft = 1;
export const joinFull = 2;
export const joinRight = 3;

export const commandSelect = 1;
export const commandUpdate = 2;
export const commandInsert = 3;
export const commandMerge = 5;

export function aliasOf(rte: TreeNode | undefined): string {
  const eref = rte?.fields['eref'];
  return isNode(eref) && typeof eref.fields['aliasname'] === 'string' ? eref.fields['aliasname'] : '?';
}

export const flag = (value: TreeValue | undefined) => value === 'true';
export const named = (value: TreeValue | undefined) => (typeof value === 'string' ? value : '');

/** The built-in function that a node calls. */
export function builtin(catalog: Catalog, node: TreeNode): CatalogFunction | undefined {
  const known = catalog.functions.get(
    numberOf(
      node.fields['funcid'] ?? node.fields['opfuncid'] ?? node.fields['aggfnoid'] ?? node.fields['winfnoid'],
    ),
  );
  return known?.schema === 'pg_catalog' ? known : undefined;
}

export function functionName(catalog: Catalog, node: TreeNode): string {
  return builtin(catalog, node)?.name ?? '';
}

export function isBareSelect(query: TreeNode): boolean {
  const tree = query.fields['jointree'];
  return isNode(tree) && listOf(tree.fields['fromlist']).length === 0 && tree.fields['quals'] === null;
}

/** A SELECT that gives exactly one row: an aggregate of all rows, or an expression without FROM. */
export function givesOneRow(query: TreeNode): boolean {
  const f = query.fields;
  return (
    numberOf(f['commandType']) === commandSelect &&
    f['limitCount'] === null &&
    f['limitOffset'] === null &&
    f['havingQual'] === null &&
    f['setOperations'] === null &&
    listOf(f['groupClause']).length === 0 &&
    listOf(f['groupingSets']).length === 0 &&
    !flag(f['hasTargetSRFs']) &&
    (flag(f['hasAggs']) || isBareSelect(query))
  );
}

/** How many calls of set-returning functions are in an expression. */
export function setReturningCalls(node: TreeNode): number {
  const own = flag(node.fields['funcretset']) || flag(node.fields['opretset']) ? 1 : 0;
  return childNodes(node).reduce(
    (sum, child) => sum + (child.type === 'QUERY' ? 0 : setReturningCalls(child)),
    own,
  );
}

export const returnsSet = (node: TreeNode) => setReturningCalls(node) > 0;

export function childNodes(node: TreeNode): TreeNode[] {
  const found: TreeNode[] = [];
  const visit = (value: TreeValue): void => {
    if (isNode(value)) found.push(value);
    else for (const item of listOf(value)) visit(item);
  };
  for (const value of Object.values(node.fields)) visit(value);
  return found;
}

/** The flags word of an array datum tells whether it has a null bitmap (dataoffset not 0). */
export function constArrayHasNull(node: TreeNode): boolean {
  const bytes = listOf(node.fields['constvalue'])
    .map(numberOf)
    .filter((n) => !Number.isNaN(n));
  // [length, varlena header x4, ndim x4, dataoffset x4, ...]
  const offset = bytes.slice(9, 13);
  return offset.length < 4 || offset.some((byte) => byte !== 0);
}
