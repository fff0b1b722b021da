import type { CompiledQuery } from './build.ts';
import { all, derive, promised } from './remembered.ts';
import type { Executor } from './statement.ts';

/** A query run once for each parameter set, all of them sent together: one round trip. */
export interface BatchQuery<P, Result> {
  /** Results in the order of the sets. Rejects with the first failure. */
  (executor: Executor, sets: readonly P[]): Promise<Result[]>;
  readonly query: CompiledQuery<P, unknown, Result>;
}

/** `:batch`: the query inside, once a set. Every set is encoded before anything is sent. */
export function batch<P, Row, Result>(query: CompiledQuery<P, Row, Result>): BatchQuery<P, Result> {
  const run = (executor: Executor, sets: readonly P[]) =>
    promised(() => {
      const statements = sets.map((params) => query.statement(params));
      return derive(all(statements.map((statement) => executor.execute(statement))), (answers) =>
        answers.map((raw) => query.result(raw)),
      );
    });
  return Object.assign(run, { query });
}
