import { DatabaseError } from '../base/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { DriverConnection } from './driver.ts';
import type { Engine } from './engine.ts';
import { ambiguousIfApplied, type Judge } from './hidden-outcome.ts';
import type { Pool, UseOptions } from './pool.ts';

const TRIES = 10;

/**
 * Sends statements whose own conditions make them right beside any others (guarded writes), in one round trip;
 * several are one transaction. CockroachDB runs and retries a single one as an implicit transaction. On PostgreSQL
 * they ask for READ COMMITTED, whatever the server's default: it reads a row that changed meanwhile again, where
 * SERIALIZABLE would fail. Gives the last one's result.
 */
export async function sendGuarded(
  connection: DriverConnection,
  engine: Engine,
  ...statements: readonly Statement[]
): Promise<RawResult> {
  const cockroach = engine.system === 'cockroachdb';
  if (cockroach && statements.length === 1) return connection.send(statements[0]!);
  return together(connection, cockroach ? 'BEGIN' : 'BEGIN ISOLATION LEVEL READ COMMITTED', statements);
}

/**
 * A guarded statement that overload must stop last: on CockroachDB with priority HIGH, so that it waits for no other
 * transaction.
 */
export function sendUrgent(
  connection: DriverConnection,
  engine: Engine,
  statement: Statement,
): Promise<RawResult> {
  return engine.system === 'cockroachdb'
    ? together(connection, 'BEGIN PRIORITY HIGH', [statement])
    : sendGuarded(connection, engine, statement);
}

/** A transaction in one round trip: all or none. The last statement's result, or the first failure. */
export async function together(
  connection: DriverConnection,
  begin: string,
  statements: readonly Statement[],
): Promise<RawResult> {
  const results = await Promise.allSettled([
    connection.sendSimple(begin),
    ...statements.map((statement) => connection.send(statement)),
    connection.sendSimple('COMMIT'),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return (results[statements.length] as PromiseFulfilledResult<RawResult>).value;
}

/** The same on any connection of the pool; a serialization failure or deadlock is tried again at once. */
export function runGuarded(
  pool: Pool,
  engine: Engine,
  statements: readonly Statement[],
  options: UseOptions = {},
): Promise<RawResult> {
  return retrying(ambiguousIfApplied(engine, statements), () =>
    pool.use(options, (connection) => sendGuarded(connection, engine, ...statements)),
  );
}

/** Runs again, at once, after a serialization failure or a deadlock. */
export async function retrying<T>(judge: Judge, run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      const again = error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01');
      if (!again || tries >= TRIES) throw judge(error);
    }
  }
}
