import { DatabaseError } from '../errors/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { DriverConnection } from './driver.ts';
import type { Engine } from './engine.ts';
import type { AcquireOptions, Pool } from './pool.ts';

const TRIES = 10;

/**
 * Statements that are right by their own conditions (guarded writes), whatever runs beside them, in one round
 * trip; several are one transaction. CockroachDB runs and retries a single one as an implicit transaction. On
 * PostgreSQL they ask for READ COMMITTED, whatever the server's default: there a row that changed meanwhile is
 * looked at again, where SERIALIZABLE would fail. Gives the last one's result.
 */
export async function sendGuarded(
  connection: DriverConnection,
  engine: Engine,
  ...statements: readonly Statement[]
): Promise<RawResult> {
  const cockroach = engine.system === 'cockroachdb';
  if (cockroach && statements.length === 1) return connection.send(statements[0]!);
  const results = await Promise.allSettled([
    connection.sendSimple(cockroach ? 'BEGIN' : 'BEGIN ISOLATION LEVEL READ COMMITTED'),
    ...statements.map((statement) => connection.send(statement)),
    connection.sendSimple('COMMIT'),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return (results[statements.length] as PromiseFulfilledResult<RawResult>).value;
}

/** The same on any connection of the pool; a serialization failure or deadlock is tried again at once. */
export async function runGuarded(
  pool: Pool,
  engine: Engine,
  statements: readonly Statement[],
  options: AcquireOptions = {},
): Promise<RawResult> {
  for (let tries = 1; ; tries++) {
    try {
      return await pool.use(options, (connection) => sendGuarded(connection, engine, ...statements));
    } catch (error) {
      const again = error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01');
      if (!again || tries >= TRIES) throw error;
    }
  }
}
