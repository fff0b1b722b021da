import type { Catalog } from '../engine/catalog.ts';
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

export function functionName(catalog: Catalog, node: TreeNode): string {
  const known = catalog.functions.get(
    numberOf(
      node.fields['funcid'] ?? node.fields['opfuncid'] ?? node.fields['aggfnoid'] ?? node.fields['winfnoid'],
    ),
  );
  return known?.schema === 'pg_catalog' ? known.name : '';
}

export function isBareSelect(query: TreeNode): boolean {
  const tree = query.fields['jointree'];
  return isNode(tree) && listOf(tree.fields['fromlist']).length === 0 && tree.fields['quals'] === null;
}

export function returnsSet(node: TreeNode): boolean {
  if (flag(node.fields['funcretset']) || flag(node.fields['opretset'])) return true;
  return childNodes(node).some((child) => child.type !== 'QUERY' && returnsSet(child));
}

export function mentionsVar(node: TreeNode): boolean {
  return node.type === 'VAR' || childNodes(node).some(mentionsVar);
}

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
