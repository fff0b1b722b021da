import type { Catalog, CatalogColumn, CatalogTable } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode, type TreeValue } from '../engine/node-tree.ts';
import {
  commandInsert,
  commandMerge,
  commandSelect,
  commandUpdate,
  flag,
  functionName,
  rteCte,
  rteRelation,
} from './query-tree.ts';

/** How a statement uses one parameter, as far as it tells a name, a nullability or a column's overrides. */
export interface ParameterUse {
  /** Columns that the parameter is stored in. */
  readonly assigned: ColumnRef[];
  /** Columns that the elements of the parameter, an array, are stored in. */
  readonly elements: ColumnRef[];
  /** Columns that it is compared with. */
  readonly compared: ColumnRef[];
  /** Columns that it stands in for, in COALESCE: they give a name and no more. */
  readonly beside: ColumnRef[];
  /** `$1 IS NULL`, `COALESCE($1, ...)`, `IS DISTINCT FROM $1`: null is expected. */
  testedForNull: boolean;
  /** It is the whole of LIMIT or OFFSET. */
  clause?: 'limit' | 'offset';
}

export interface ColumnRef {
  readonly table: CatalogTable;
  readonly column: CatalogColumn;
}

export const noUse = (): ParameterUse => ({
  assigned: [],
  elements: [],
  compared: [],
  beside: [],
  testedForNull: false,
});

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

/** A parameter of the statement: PostgreSQL calls the columns of a subquery so, too, where they are compared. */
const isParameter = (node: TreeNode | undefined): node is TreeNode =>
  node?.type === 'PARAM' && numberOf(node.fields['paramkind']) === 0;

/** Visible outputs of a query: what it selects, or returns. */
const outputsOf = ({ fields: f }: TreeNode) =>
  nodesOf(numberOf(f['commandType']) === commandSelect ? f['targetList'] : f['returningList']).filter(
    (entry) => !flag(entry.fields['resjunk']),
  );

/** Reads the uses of every parameter from a rewritten query tree. */
export function parameterUses(tree: TreeNode, catalog: Catalog): ReadonlyMap<number, ParameterUse> {
  const uses = new Map<number, ParameterUse>();
  const use = (node: TreeNode): ParameterUse => {
    const id = numberOf(node.fields['paramid']);
    const known = uses.get(id) ?? noUse();
    uses.set(id, known);
    return known;
  };
  const columnOf = (relid: TreeValue | undefined, attribute: number): ColumnRef | undefined => {
    const table = catalog.tables.get(numberOf(relid));
    const column = table?.columns.find((candidate) => candidate.attribute === attribute);
    return table && column ? { table, column } : undefined;
  };

  /** Queries, from the innermost out, that the expression stands in. */
  type Levels = readonly TreeNode[];
  /** Follows a value that is stored in a column back to the parameters that it comes from. */
  const assign = (expression: TreeNode | undefined, target: ColumnRef, levels: Levels): void => {
    const node = bare(expression);
    if (!node) return;
    const { fields: f } = node;
    if (isParameter(node)) use(node).assigned.push(target);
    switch (node.type) {
      case 'CASEEXPR':
        for (const when of nodesOf(f['args']))
          if (isNode(when.fields['result'])) assign(when.fields['result'], target, levels);
        if (isNode(f['defresult'])) assign(f['defresult'], target, levels);
        return;
      case 'COALESCEEXPR':
        for (const arg of nodesOf(f['args']).map(bare)) if (isParameter(arg)) use(arg).beside.push(target);
        return;
      case 'FUNCEXPR': {
        const array = functionName(catalog, node) === 'unnest' ? bare(nodesOf(f['args'])[0]) : undefined;
        if (isParameter(array)) use(array).elements.push(target);
        return;
      }
      case 'VAR':
        assignVariable(node, target, levels);
    }
  };
  const assignVariable = ({ fields: f }: TreeNode, target: ColumnRef, inner: Levels): void => {
    const levels = inner.slice(numberOf(f['varlevelsup']));
    const rte = nodesOf(levels[0]?.fields['rtable'])[numberOf(f['varno']) - 1];
    if (!rte) return;
    const index = numberOf(f['varattno']) - 1;
    for (const row of listOf(rte.fields['values_lists'])) assign(nodesOf(row)[index], target, levels);
    for (const list of [rte.fields['joinaliasvars'], rte.fields['groupexprs']])
      assign(nodesOf(list)[index], target, levels);
    if (isNode(rte.fields['subquery'])) assignOutput(rte.fields['subquery'], index, target, levels);
    let first = 0;
    for (const { fields: call } of nodesOf(rte.fields['functions'])) {
      const columns = numberOf(call['funccolcount']);
      if (columns === 1 && first === index && isNode(call['funcexpr']))
        assign(call['funcexpr'], target, levels);
      first += columns;
    }
    if (numberOf(rte.fields['rtekind']) !== rteCte) return;
    const owners = levels.slice(numberOf(rte.fields['ctelevelsup']));
    const cte = nodesOf(owners[0]?.fields['cteList']).find(
      (item) => item.fields['ctename'] === rte.fields['ctename'],
    );
    if (isNode(cte?.fields['ctequery'])) assignOutput(cte.fields['ctequery'], index, target, owners);
  };
  const assignOutput = (query: TreeNode, index: number, target: ColumnRef, outer: Levels): void => {
    // A recursive query is among its own levels.
    if (outer.includes(query)) return;
    const levels = [query, ...outer];
    const arms = (node: TreeValue | undefined): void => {
      if (!isNode(node)) return;
      const arm = nodesOf(query.fields['rtable'])[numberOf(node.fields['rtindex']) - 1]?.fields['subquery'];
      if (isNode(arm)) assignOutput(arm, index, target, levels);
      arms(node.fields['larg']);
      arms(node.fields['rarg']);
    };
    if (isNode(query.fields['setOperations'])) arms(query.fields['setOperations']);
    else {
      const output = outputsOf(query)[index]?.fields['expr'];
      if (isNode(output)) assign(output, target, levels);
    }
  };
  const assignList = (list: TreeValue | undefined, relid: TreeValue | undefined, levels: Levels): void => {
    for (const { fields: entry } of nodesOf(list)) {
      const target = columnOf(relid, numberOf(entry['resno']));
      if (target && isNode(entry['expr'])) assign(entry['expr'], target, levels);
    }
  };

  const tableColumn = (node: TreeNode | undefined, levels: Levels): ColumnRef | undefined => {
    if (node?.type !== 'VAR') return undefined;
    const owner = levels[numberOf(node.fields['varlevelsup'])];
    const rte = nodesOf(owner?.fields['rtable'])[numberOf(node.fields['varno']) - 1];
    return rte && numberOf(rte.fields['rtekind']) === rteRelation
      ? columnOf(rte.fields['relid'], numberOf(node.fields['varattno']))
      : undefined;
  };
  const compare = (left: TreeNode | undefined, right: TreeNode | undefined, levels: Levels) => {
    const [one, other] = [bare(left), bare(right)];
    for (const [a, b] of [
      [one, other],
      [other, one],
    ]) {
      const column = isParameter(a) ? tableColumn(b, levels) : undefined;
      if (isParameter(a) && column) use(a).compared.push(column);
    }
  };

  const visit = (node: TreeNode, levels: Levels): void => {
    const f = node.fields;
    let inner = levels;
    if (node.type === 'QUERY') {
      inner = [node, ...levels];
      const command = numberOf(f['commandType']);
      const target = nodesOf(f['rtable'])[numberOf(f['resultRelation']) - 1]?.fields['relid'];
      if (command === commandUpdate || command === commandInsert) assignList(f['targetList'], target, inner);
      if (isNode(f['onConflict'])) assignList(f['onConflict'].fields['onConflictSet'], target, inner);
      if (command === commandMerge)
        for (const action of nodesOf(f['mergeActionList']))
          assignList(action.fields['targetList'], target, inner);
      for (const [clause, value] of [
        ['limit', f['limitCount']],
        ['offset', f['limitOffset']],
      ] as const) {
        const count = bare(isNode(value) ? value : undefined);
        if (isParameter(count)) use(count).clause = clause;
      }
    } else if (node.type === 'OPEXPR' || node.type === 'SCALARARRAYOPEXPR') {
      const [left, right] = nodesOf(f['args']);
      compare(left, right, inner);
    } else if (node.type === 'ROWCOMPAREEXPR') {
      // `(created_at, id) > ($1, $2)`: keyset pages.
      const rights = nodesOf(f['rargs']);
      for (const [i, left] of nodesOf(f['largs']).entries()) compare(left, rights[i], inner);
    } else if (node.type === 'NULLTEST' || node.type === 'BOOLEANTEST') {
      const arg = bare(isNode(f['arg']) ? f['arg'] : undefined);
      if (isParameter(arg)) use(arg).testedForNull = true;
    } else if (node.type === 'COALESCEEXPR' || node.type === 'DISTINCTEXPR') {
      const args = nodesOf(f['args']).map(bare);
      const tested = node.type === 'COALESCEEXPR' ? args.slice(0, -1) : args;
      for (const arg of tested) if (isParameter(arg)) use(arg).testedForNull = true;
      const column = args.map((arg) => tableColumn(arg, inner)).find((found) => found !== undefined);
      for (const arg of args) if (isParameter(arg) && column) use(arg).beside.push(column);
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

/** Whether a domain takes no NULL, or one that it is over. */
export function refusesNull(oid: number, catalog: Catalog): boolean {
  const type = catalog.types.get(oid);
  return type?.kind === 'domain' && (type.notNull || refusesNull(type.base, catalog));
}

const takesNull = ({ column }: ColumnRef, catalog: Catalog) =>
  !column.notNull && !refusesNull(column.typeOid, catalog);

/** Null may be passed: it is stored in columns that take it, or the statement asks for it. */
export function acceptsNull(use: ParameterUse | undefined, catalog: Catalog): boolean {
  if (!use?.assigned.every((target) => takesNull(target, catalog))) return false;
  return use.testedForNull || (use.assigned.length > 0 && use.compared.length === 0);
}

/**
 * Null may be an element of the array that is passed: the elements are stored in columns that take it, or the array
 * is stored as it is, in columns whose elements may be null.
 */
export function acceptsNullElements(
  use: ParameterUse | undefined,
  catalog: Catalog,
  columnsHoldNull: boolean,
): boolean {
  if (!use) return false;
  if (use.elements.length > 0) return use.elements.every((target) => takesNull(target, catalog));
  return columnsHoldNull && use.assigned.length > 0;
}
