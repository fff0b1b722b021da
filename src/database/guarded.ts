import { DatabaseError } from '../base/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { DriverConnection } from './driver.ts';
import type { Engine } from './engine.ts';
import { ambiguousIfApplied, ambiguousIfHidden, type Judge } from './hidden-outcome.ts';
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
async function together(
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
async function retrying<T>(judge: Judge, run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      const again = error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01');
      if (!again || tries >= TRIES) throw judge(error);
    }
  }
}

/**
 * How claims and ends run on PostgreSQL. They go by index whatever their parameters are: they are planned once and not
 * each time (which takes longer than running them), and never as if a table that was empty then had stayed so. A plan
 * that has to read a table all the same looks very expensive then, for which PostgreSQL would compile it (JIT); that
 * takes seconds. All of it is set for the transaction alone: the connection may be a pooler's.
 */
const BEGIN_CLAIM =
  'BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SET LOCAL jit = off';

/**
 * Runs claims and ends. Several statements are one transaction, in one round trip. Gives the last one's result. Retries
 * serialization failures and deadlocks at once. Every error that does not prove that nothing was carried out becomes
 * AmbiguousCommitError, on both engines: the caller then asks the database what happened.
 */
export function runClaims(
  pool: Pool,
  engine: Engine,
  statements: readonly Statement[],
  options: UseOptions = {},
): Promise<RawResult> {
  return retrying(ambiguousIfHidden, () =>
    pool.use(options, async (connection) => {
      if (engine.system === 'postgresql') return together(connection, BEGIN_CLAIM, statements);
      return statements.length === 1
        ? connection.send(statements[0]!)
        : together(connection, 'BEGIN', statements);
    }),
  );
}
