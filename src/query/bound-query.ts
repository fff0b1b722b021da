import { all, derive, promised } from './remembered.ts';
import type { Executor, RawResult, Statement } from './statement.ts';

/** A compiled query with its parameters encoded: `getMachine.with({ machineId })`. */
export interface BoundQuery<Result> {
  readonly statement: Statement;
  result(raw: RawResult): Result;
}

/** The results of a batch, in its order. */
export type BatchResults<Q extends readonly BoundQuery<unknown>[]> = {
  -readonly [K in keyof Q]: Q[K] extends BoundQuery<infer Result> ? Result : never;
};

/** Runs a batch by way of whatever can send several statements. */
export function runBatch<const Q extends readonly BoundQuery<unknown>[]>(
  queries: Q,
  executeAll: (statements: readonly Statement[]) => Promise<readonly RawResult[]>,
): Promise<BatchResults<Q>> {
  return promised(() =>
    derive(
      executeAll(queries.map(({ statement }) => statement)),
      (answers) => queries.map((query, i) => query.result(answers[i]!)) as BatchResults<Q>,
    ),
  );
}

/**
 * Sends queries together on any executor and gives their results in order, typed. On a transaction it is one
 * round trip; on a database handle each is a transaction of its own.
 */
export function sendBatch<const Q extends readonly BoundQuery<unknown>[]>(
  executor: Executor,
  queries: Q,
): Promise<BatchResults<Q>> {
  return runBatch(queries, (statements) => all(statements.map((statement) => executor.execute(statement))));
}
