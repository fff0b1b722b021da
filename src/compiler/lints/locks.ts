import type { Lint } from './lint.ts';
import { children, find, type RawNode, text } from './raw-tree.ts';

/** Row locks taken in no order: two such statements can wait for each other. */
export const unorderedLocks: Lint = {
  code: 'HL003',
  hint: 'add ORDER BY a unique key, so that everybody locks in the same order',
  *check({ statement, query }) {
    if (query.engineQuery.source.command === 'one' || query.engineQuery.source.command === 'maybe') return;
    for (const select of find(statement, 'SelectStmt'))
      if (waits(select) && children(select, 'sortClause').length === 0)
        yield { message: 'rows are locked in no particular order, which invites deadlocks' };
  },
};

/** Has a locking clause that is not SKIP LOCKED. */
function waits(select: RawNode): boolean {
  return children(select, 'lockingClause').some(
    (clause) => text(clause, 'LockingClause', 'waitPolicy') !== 'LockWaitSkip',
  );
}

/** FOR SHARE does not lock on CockroachDB under SERIALIZABLE, unless a session setting is on. */
export const sharedLock: Lint = {
  code: 'HL004',
  hint: 'under SERIALIZABLE a plain read is protected already; FOR UPDATE is for those who will write',
  *check({ statement }) {
    for (const clause of find(statement, 'LockingClause'))
      if (/^LCS_FOR(KEY)?SHARE$/.test(text(clause, 'strength')))
        yield { message: 'FOR SHARE takes no lock on CockroachDB under SERIALIZABLE' };
  },
};
