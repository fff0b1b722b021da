import { type Database, DatabaseError } from '../../src/index.ts';
import type { Executor, RawResult, Statement } from '../../src/query/index.ts';

/** A hand-made statement for tests; values are text. */
export const sql = (text: string, ...values: (string | null)[]): Statement => ({ text, values });

const MOST_READS = 10;

/**
 * Rows of a statement as arrays of text. A look of a test's own, outside of any transaction, may be refused on
 * PostgreSQL because of what others write meanwhile: it looks again.
 */
export async function rows(
  executor: Executor,
  text: string,
  ...values: (string | null)[]
): Promise<RawResult['rows']> {
  const looks = isDatabase(executor) && /^\s*SELECT\b/i.test(text);
  for (let reads = 1; ; reads++) {
    try {
      return (await executor.execute(sql(text, ...values))).rows;
    } catch (error) {
      const conflict = error instanceof DatabaseError && error.code === '40001';
      if (!looks || !conflict || reads === MOST_READS) throw error;
    }
  }
}

const isDatabase = (executor: Executor): executor is Database => 'startSession' in executor;
