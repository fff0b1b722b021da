import { nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { childNodes } from '../nullability/query-tree.ts';
import type { Lint } from './lint.ts';
import { child, children, columnName, find, isRaw, locationOf, names } from './raw-tree.ts';
import { isListed, tableOf } from './tables.ts';

/** A column wrapped in a cast that nobody wrote, so that its index cannot serve: seen in the engine's own tree. */
export const castOfIndexed: Lint = {
  code: 'HL007',
  hint: 'cast the other side to the type of the column',
  *check({ query, catalog }) {
    if (!query.tree) return;
    for (const { table, attribute, location } of castColumns(query.tree, [])) {
      const relation = catalog.tables.get(table);
      const column = relation?.columns.find((candidate) => candidate.attribute === attribute);
      if (relation?.indexes.some((index) => index.columns[0] === column?.name))
        yield {
          message: `${relation.name}.${column?.name} is cast before it is compared, so its index is not used`,
          location,
        };
    }
  },
};

interface ColumnPlace {
  readonly table: number;
  readonly attribute: number;
  readonly location: number;
}

function* castColumns(node: TreeNode, levels: readonly TreeNode[]): Generator<ColumnPlace> {
  const scope = node.type === 'QUERY' ? [node, ...levels] : levels;
  if (node.type === 'OPEXPR')
    for (const arg of nodesOf(node.fields['args'])) {
      // funcformat 2 is an implicit cast.
      const implicit = arg.type === 'FUNCEXPR' && numberOf(arg.fields['funcformat']) === 2;
      const variable = implicit ? nodesOf(arg.fields['args'])[0] : undefined;
      if (variable?.type !== 'VAR') continue;
      const { varlevelsup, varno, varattno, location } = variable.fields;
      const rte = nodesOf(scope[numberOf(varlevelsup)]?.fields['rtable'])[numberOf(varno) - 1];
      if (rte && numberOf(rte.fields['rtekind']) === 0)
        yield {
          table: numberOf(rte.fields['relid']),
          attribute: numberOf(varattno),
          location: numberOf(location),
        };
    }
  for (const inside of childNodes(node)) yield* castColumns(inside, scope);
}

/** A whole table that the configuration calls large is read: no first column of an index is mentioned. */
export const fullScan: Lint = {
  code: 'HL008',
  hint: 'constrain the first column of an index, or add one',
  *check(subject) {
    const { statement, target } = subject;
    if (target.largeTables.length === 0) return;
    for (const type of ['SelectStmt', 'UpdateStmt', 'DeleteStmt'])
      for (const body of find(statement, type)) {
        const ranges =
          type === 'SelectStmt' ? [...find(body['fromClause'], 'RangeVar')] : [child(body, 'relation')];
        const conditions = [body['whereClause'], body['fromClause'], body['usingClause']];
        const used = new Set(
          [...find(conditions, 'ColumnRef')].map((ref) => names(children(ref, 'fields')).at(-1)),
        );
        // LIMIT along an index reads only its beginning.
        if (body['limitCount'] !== undefined)
          used.add(columnName(child(children(body, 'sortClause')[0], 'SortBy', 'node')));
        for (const range of ranges.filter(isRaw)) {
          const table = tableOf(range, subject);
          if (!table || !isListed(table, target.largeTables)) continue;
          if (!table.indexes.some((index) => used.has(index.columns[0])))
            yield { message: `${table.name} is large and is read as a whole`, location: locationOf(range) };
        }
      }
  },
};
