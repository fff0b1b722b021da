import type { Executor } from './statement.ts';

type Queries = Readonly<Record<string, (executor: Executor, ...rest: never[]) => unknown>>;

/** The same functions without their first argument. */
export type Bound<Q extends Queries> = {
  readonly [K in keyof Q]: Q[K] extends (executor: Executor, ...rest: infer Rest) => infer Result
    ? (...rest: Rest) => Result
    : never;
};

/** Gives a function that binds queries to a transaction or a connection, as methods. */
export function bindAll<const Q extends Queries>(queries: Q): (executor: Executor) => Bound<Q> {
  return (executor) =>
    Object.fromEntries(
      Object.entries(queries).map(([name, query]) => [name, (...rest: never[]) => query(executor, ...rest)]),
    ) as Bound<Q>;
}
