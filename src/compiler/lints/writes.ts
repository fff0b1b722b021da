import type { Lint } from './lint.ts';
import {
  child,
  children,
  columnName,
  find,
  isRaw,
  locationOf,
  names,
  type RawNode,
  text,
} from './raw-tree.ts';
import { isListed, tableOf } from './tables.ts';

const clocks = new Set(['now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp']);
const leaseColumn = /(deadline|expires?|expiry|lease|not_before|heartbeat|valid_until)/i;

/** Lease logic that trusts now() in a comparison: the time of the transaction's beginning, on one node's clock. */
export const clockInLease: Lint = {
  code: 'HL005',
  hint: 'fence with a token or with the row itself; where a clock has to decide, say why',
  *check({ statement }) {
    for (const expression of find(statement, 'A_Expr')) {
      if (!/^[<>]=?$/.test(names(children(expression, 'name')).at(-1) ?? '')) continue;
      const sides = [child(expression, 'lexpr'), child(expression, 'rexpr')];
      const column = sides.map(columnName).find((name) => name !== undefined && leaseColumn.test(name));
      if (column !== undefined && sides.some(readsClock))
        yield {
          message: `${column} is compared with now(), so clocks decide who holds the lease`,
          location: locationOf(expression),
        };
    }
  },
};

function readsClock(node: RawNode | undefined): boolean {
  for (const call of find(node, 'FuncCall'))
    if (clocks.has(names(children(call, 'funcname')).at(-1) ?? '')) return true;
  for (const value of find(node, 'SQLValueFunction'))
    if (text(value, 'op').includes('TIMESTAMP')) return true;
  return false;
}

/** UPDATE or DELETE of a whole table. */
export const writeWithoutWhere: Lint = {
  code: 'HL006',
  hint: 'add WHERE, or say that all rows are meant',
  *check({ statement }) {
    for (const type of ['UpdateStmt', 'DeleteStmt'])
      for (const write of find(statement, type)) {
        const joined = children(write, 'fromClause').length + children(write, 'usingClause').length > 0;
        if (write['whereClause'] === undefined && !joined)
          yield { message: `${type === 'UpdateStmt' ? 'UPDATE' : 'DELETE'} without WHERE touches every row` };
      }
  },
};

/** A key that grows with time, in a table that the configuration calls hot: all inserts hit one range. */
export const sequentialKey: Lint = {
  code: 'HL009',
  hint: 'use UUID DEFAULT gen_random_uuid(), or put a tenant or a hash first in the key',
  *check(subject) {
    for (const insert of find(subject.statement, 'InsertStmt')) {
      const range = child(insert, 'relation');
      const table = isRaw(range) ? tableOf(range, subject) : undefined;
      if (!table || !isListed(table, subject.target.hotTables)) continue;
      const first = table.indexes.find((index) => index.primary)?.columns[0];
      const column = table.columns.find((candidate) => candidate.name === first);
      const type = column && subject.catalog.types.get(column.typeOid)?.name;
      if (column && type && /^(int\d|timestamp|timestamptz|date)$/.test(type))
        yield {
          message: `${table.name} is hot and its primary key begins with ${column.name}, which grows with time`,
          location: locationOf(range),
        };
    }
  },
};
