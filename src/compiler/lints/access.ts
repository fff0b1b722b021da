import type { Lint } from './lint.ts';
import { child, children, columnName, find, isRaw, locationOf, names } from './raw-tree.ts';
import { isListed, tableOf } from './tables.ts';

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
