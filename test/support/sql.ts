import { type Database, DatabaseError } from '../../src/index.ts';
import type { Executor, RawResult, Statement } from '../../src/query/index.ts';

/** A hand-made statement for tests; values are text. */
export const sql = (text: string, ...values: (string | null)[]): Statement => ({ text, values });

/** Ends a look that hangs. */
const LOOK_WITHIN_MS = 60_000;

/**
 * Rows of a statement as arrays of text. A look of a test's own, outside of any transaction, may be refused on
 * PostgreSQL because of what others write meanwhile, again and again where they write all the time: then it looks at
 * READ COMMITTED.
 */
export async function rows(
  executor: Executor,
  text: string,
  ...values: (string | null)[]
): Promise<RawResult['rows']> {
  const statement = sql(text, ...values);
  try {
    return (await executor.execute(statement)).rows;
  } catch (error) {
    const conflict = error instanceof DatabaseError && error.code === '40001';
    if (!conflict || !isDatabase(executor) || !/^\s*SELECT\b/i.test(text)) throw error;
    return (await executor.guardedWithin(LOOK_WITHIN_MS).execute(statement)).rows;
  }
}

const isDatabase = (executor: Executor): executor is Database => 'startSession' in executor;
