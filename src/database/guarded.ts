import { DatabaseError } from '../errors/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import type { DriverConnection } from './driver.ts';
import type { Engine } from './engine.ts';
import type { AcquireOptions, Pool } from './pool.ts';

const TRIES = 10;

/**
 * One statement that is right by its own conditions (guarded writes), whatever runs beside it, in one round
 * trip. CockroachDB runs and retries it as an implicit transaction. On PostgreSQL it asks for READ COMMITTED,
 * whatever the server's default: there a row that changed meanwhile is looked at again, where SERIALIZABLE
 * would fail.
 */
export async function sendGuarded(
  connection: DriverConnection,
  engine: Engine,
  statement: Statement,
): Promise<RawResult> {
  if (engine.system === 'cockroachdb') return connection.send(statement);
  const [begun, answered, ended] = await Promise.allSettled([
    connection.sendSimple('BEGIN ISOLATION LEVEL READ COMMITTED'),
    connection.send(statement),
    connection.sendSimple('COMMIT'),
  ]);
  for (const result of [begun, answered, ended]) if (result.status === 'rejected') throw result.reason;
  return (answered as PromiseFulfilledResult<RawResult>).value;
}

/** The same on any connection of the pool; a serialization failure or deadlock is tried again at once. */
export async function runGuarded(
  pool: Pool,
  engine: Engine,
  statement: Statement,
  options: AcquireOptions = {},
): Promise<RawResult> {
  for (let tries = 1; ; tries++) {
    try {
      return await pool.use(options, (connection) => sendGuarded(connection, engine, statement));
    } catch (error) {
      const again = error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01');
      if (!again || tries >= TRIES) throw error;
    }
  }
}
