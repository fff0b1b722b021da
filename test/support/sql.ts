import type { Executor, RawResult, Statement } from '../../src/query/index.ts';

/** A hand-made statement for tests; values are text. */
export const sql = (text: string, ...values: (string | null)[]): Statement => ({ text, values });

/** Rows of a statement as arrays of text. */
export async function rows(
  executor: Executor,
  text: string,
  ...values: (string | null)[]
): Promise<RawResult['rows']> {
  return (await executor.execute(sql(text, ...values))).rows;
}
