import type { CompiledQuery } from './build.ts';
import type { Executor } from './statement.ts';

/** A query run once for each parameter set, all of them in flight together: one round trip. */
export interface BatchQuery<P, Result> {
  /** Results in the order of the sets. Rejects with the first failure. */
  (executor: Executor, sets: readonly P[]): Promise<Result[]>;
  readonly query: CompiledQuery<P, unknown, Result>;
}

/** `:batch`: the query inside, once a set. Every set is encoded before anything is sent. */
export function batch<P, Row, Result>(query: CompiledQuery<P, Row, Result>): BatchQuery<P, Result> {
  const run = async (executor: Executor, sets: readonly P[]) => {
    const statements = sets.map((params) => query.statement(params));
    const answers = await Promise.all(statements.map((statement) => executor.execute(statement)));
    return answers.map((raw) => query.result(raw));
  };
  return Object.assign(run, { query });
}
