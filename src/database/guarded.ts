import { DatabaseError, Doubling, pause } from '../base/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { DriverConnection } from './driver.ts';
import type { Engine } from './engine.ts';
import { ambiguousIfApplied, type Judge, reads } from './hidden-outcome.ts';
import { needsAnotherConnection } from './outage.ts';
import type { Pool, UseOptions } from './pool.ts';

const TRIES = 10;
/** Before a statement that only reads is sent again on another connection: 20 ms, doubling. */
const PAUSES_MS = [20, 1_000] as const;

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

/**
 * The same on any connection of the pool; a serialization failure or deadlock is tried again at once. Statements that only
 * read are also sent again, on another connection and until the deadline, when theirs was lost or leads to a node that is
 * cut off from its cluster.
 */
export function runGuarded(
  pool: Pool,
  engine: Engine,
  statements: readonly Statement[],
  options: UseOptions = {},
): Promise<RawResult> {
  const { deadline = Infinity, signal } = options;
  const pauses = new Doubling(...PAUSES_MS);
  const readsAgain = async (error: unknown) => {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0 || !statements.every(reads) || !needsAnotherConnection(error)) return false;
    await pause(Math.min(pauses.next(), leftMs), signal);
    return true;
  };
  return retrying(
    ambiguousIfApplied(engine, statements),
    () => pool.use(options, (connection) => sendGuarded(connection, engine, ...statements)),
    readsAgain,
  );
}

/** Runs again, at once, after a serialization failure or a deadlock, and after what `again` says so of. */
export async function retrying<T>(
  judge: Judge,
  run: () => Promise<T>,
  again: (error: unknown) => Promise<boolean> = async () => false,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      const isConflict = error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01');
      if (tries >= TRIES || !(isConflict || (await again(error)))) throw judge(error);
    }
  }
}
