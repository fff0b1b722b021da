import type { Catalog, CatalogColumn, CatalogTable } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode, type TreeValue } from '../engine/node-tree.ts';

/** How a statement uses one parameter, as far as it tells a name, a nullability or a column's overrides. */
export interface ParameterUse {
  /** Columns that the parameter is stored in. */
  readonly assigned: ColumnRef[];
  /** Columns that it is compared with. */
  readonly compared: ColumnRef[];
  /** `$1 IS NULL`, `COALESCE($1, ...)`, `IS DISTINCT FROM $1`: null is expected. */
  testedForNull: boolean;
}

export interface ColumnRef {
  readonly table: CatalogTable;
  readonly column: CatalogColumn;
}

const casts = new Set(['RELABELTYPE', 'COERCEVIAIO', 'COLLATEEXPR', 'COERCETODOMAIN', 'ARRAYCOERCEEXPR']);

/** The parameter or variable under implicit casts. */
function bare(node: TreeNode | undefined): TreeNode | undefined {
  let at = node;
  for (;;) {
    if (!at) return undefined;
    if (casts.has(at.type) && isNode(at.fields['arg'])) at = at.fields['arg'];
    // funcformat 1 and 2 are casts, explicit and implicit.
    else if (at.type === 'FUNCEXPR' && numberOf(at.fields['funcformat']) !== 0)
      at = nodesOf(at.fields['args'])[0];
    else return at;
  }
}

/** Reads the uses of every parameter from a rewritten query tree. */
export function parameterUses(tree: TreeNode, catalog: Catalog): ReadonlyMap<number, ParameterUse> {
  const uses = new Map<number, ParameterUse>();
  const use = (node: TreeNode): ParameterUse => {
    const id = numberOf(node.fields['paramid']);
    const known = uses.get(id) ?? { assigned: [], compared: [], testedForNull: false };
    uses.set(id, known);
    return known;
  };
  const columnOf = (relid: TreeValue | undefined, attribute: number): ColumnRef | undefined => {
    const table = catalog.tables.get(numberOf(relid));
    const column = table?.columns.find((candidate) => candidate.attribute === attribute);
    return table && column ? { table, column } : undefined;
  };

  const assign = (expression: TreeNode | undefined, target: ColumnRef | undefined, query: TreeNode): void => {
    const node = bare(expression);
    if (!node || !target) return;
    if (node.type === 'PARAM') use(node).assigned.push(target);
    else if (node.type === 'CASEEXPR') {
      for (const when of nodesOf(node.fields['args']))
        if (isNode(when.fields['result'])) assign(when.fields['result'], target, query);
      if (isNode(node.fields['defresult'])) assign(node.fields['defresult'], target, query);
    } else if (node.type === 'VAR' && numberOf(node.fields['varlevelsup']) === 0) {
      const rte = nodesOf(query.fields['rtable'])[numberOf(node.fields['varno']) - 1];
      const attribute = numberOf(node.fields['varattno']);
      for (const row of listOf(rte?.fields['values_lists']))
        assign(nodesOf(row)[attribute - 1], target, query);
      const subquery = rte?.fields['subquery'];
      if (isNode(subquery)) {
        const entry = nodesOf(subquery.fields['targetList'])[attribute - 1]?.fields['expr'];
        if (isNode(entry)) assign(entry, target, subquery);
      }
    }
  };

  const compare = (left: TreeNode | undefined, right: TreeNode | undefined, levels: readonly TreeNode[]) => {
    const [one, other] = [bare(left), bare(right)];
    for (const [a, b] of [
      [one, other],
      [other, one],
    ]) {
      if (a?.type !== 'PARAM' || b?.type !== 'VAR') continue;
      const owner = levels[numberOf(b.fields['varlevelsup'])];
      const rte = nodesOf(owner?.fields['rtable'])[numberOf(b.fields['varno']) - 1];
      const column =
        rte && numberOf(rte.fields['rtekind']) === 0
          ? columnOf(rte.fields['relid'], numberOf(b.fields['varattno']))
          : undefined;
      if (column) use(a).compared.push(column);
    }
  };

  const visit = (node: TreeNode, levels: readonly TreeNode[]): void => {
    const f = node.fields;
    let inner = levels;
    if (node.type === 'QUERY') {
      inner = [node, ...levels];
      const command = numberOf(f['commandType']);
      const target = nodesOf(f['rtable'])[numberOf(f['resultRelation']) - 1]?.fields['relid'];
      if (command === 2 || command === 3)
        for (const entry of nodesOf(f['targetList']))
          if (isNode(entry.fields['expr']))
            assign(entry.fields['expr'], columnOf(target, numberOf(entry.fields['resno'])), node);
      const conflict = f['onConflict'];
      if (isNode(conflict))
        for (const entry of nodesOf(conflict.fields['onConflictSet']))
          if (isNode(entry.fields['expr']))
            assign(entry.fields['expr'], columnOf(target, numberOf(entry.fields['resno'])), node);
    } else if (node.type === 'OPEXPR' || node.type === 'SCALARARRAYOPEXPR') {
      const [left, right] = nodesOf(f['args']);
      compare(left, right, inner);
    } else if (node.type === 'ROWCOMPAREEXPR') {
      // `(created_at, id) > ($1, $2)`: keyset pages.
      const rights = nodesOf(f['rargs']);
      for (const [i, left] of nodesOf(f['largs']).entries()) compare(left, rights[i], inner);
    } else if (node.type === 'NULLTEST' || node.type === 'BOOLEANTEST') {
      const arg = bare(isNode(f['arg']) ? f['arg'] : undefined);
      if (arg?.type === 'PARAM') use(arg).testedForNull = true;
    } else if (node.type === 'COALESCEEXPR' || node.type === 'DISTINCTEXPR') {
      const args = nodesOf(f['args']).map(bare);
      const tested = node.type === 'COALESCEEXPR' ? args.slice(0, -1) : args;
      for (const arg of tested) if (arg?.type === 'PARAM') use(arg).testedForNull = true;
    }
    const walk = (value: TreeValue): void => {
      if (isNode(value)) visit(value, inner);
      else for (const item of listOf(value)) walk(item);
    };
    for (const value of Object.values(f)) walk(value);
  };
  visit(tree, []);
  return uses;
}

/** Null may be passed: it is stored in columns that take it, or the statement asks for it. */
export function acceptsNull(use: ParameterUse | undefined): boolean {
  if (!use) return false;
  if (use.assigned.some((target) => target.column.notNull)) return false;
  return use.testedForNull || (use.assigned.length > 0 && use.compared.length === 0);
}
