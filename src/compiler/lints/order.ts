import type { Lint } from './lint.ts';
import { child, children, columnName, find, locationOf, names, type RawNode, text } from './raw-tree.ts';
import { singleTable } from './tables.ts';

const returnsMany = new Set(['many', 'iter', 'auto', 'batch', 'batchmany']);

/** LIMIT without ORDER BY: which rows come is left to chance. */
export const limitWithoutOrder: Lint = {
  code: 'HL001',
  hint: 'add an ORDER BY that ends in a unique key',
  *check({ statement, query }) {
    const select = child(statement, 'SelectStmt');
    if (!select || !returnsMany.has(query.engineQuery.source.command)) return;
    if (select['limitCount'] !== undefined && children(select, 'sortClause').length === 0)
      yield { message: 'LIMIT without ORDER BY gives rows by chance' };
  },
};

/** ORDER BY under LIMIT whose ties may fall either way, page by page. */
export const partialOrder: Lint = {
  code: 'HL002',
  hint: 'end the ORDER BY in the columns of a unique key',
  *check(subject) {
    const select = child(subject.statement, 'SelectStmt');
    if (!select || select['limitCount'] === undefined) return;
    const sort = children(select, 'sortClause').map((item) => child(item, 'SortBy', 'node'));
    const table = singleTable(select, subject);
    if (sort.length === 0 || !table || children(select, 'groupClause').length > 0) return;
    const ordered = new Set([...sort.map(columnName), ...constantColumns(select)]);
    const total = table.indexes.some(
      (index) => index.unique && !index.partial && index.columns.every((column) => ordered.has(column)),
    );
    if (total) return;
    const shown = sort.map(columnName).filter(Boolean).join(', ') || 'an expression';
    yield {
      message: `the order by ${shown} is not total: rows that tie come in any order`,
      location: locationOf(child(sort[0], 'ColumnRef')),
    };
  },
};

/** Columns compared with `=`: the same in every row, so they need no place in the order. */
function* constantColumns(select: RawNode): Generator<string | undefined> {
  for (const equal of find(select['whereClause'], 'A_Expr'))
    if (text(equal, 'kind') === 'AEXPR_OP' && names(children(equal, 'name')).at(-1) === '=')
      for (const side of ['lexpr', 'rexpr']) yield columnName(child(equal, side));
}
