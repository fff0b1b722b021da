import { DatabaseError, MigrationError } from '../base/index.ts';
import type { MigrationPlace } from './connection.ts';
import { toTarget } from './options.ts';
import { contention, retryOn } from './retry.ts';

// Two who grant at once change the same rows of PostgreSQL's catalog.
const races = new Set([...contention, 'XX000', '23505']);

const UNKNOWN_SCHEMA: ReadonlySet<string> = new Set(['3F000', '42P01']);

function adviceOn({ code, message }: DatabaseError): string | undefined {
  if (UNKNOWN_SCHEMA.has(code)) return 'bring the schema up first: holdfast migrate up';
  // CockroachDB v22.1 has no SQLSTATE for a user that is not there.
  const isUnknownUser =
    code === '42704' || (code === 'XXUUU' && /\b(user|role)\b.*does not exist/.test(message));
  return isUnknownUser ? 'create it first, such as by CREATE ROLE ... LOGIN' : undefined;
}

/**
 * Runs statements that grant rights, each by itself. Any number of processes may do it at once and again. Throws MigrationError for a
 * user, a table or a schema that is not there, and as `migrate`.
 */
export async function grant(place: MigrationPlace, statements: readonly string[]): Promise<void> {
  const connection = await toTarget(place).open();
  try {
    for (const text of statements) await retryOn(races, () => connection.execute({ text, values: [] }));
  } catch (error) {
    const advice = error instanceof DatabaseError ? adviceOn(error) : undefined;
    if (advice === undefined) throw error;
    throw new MigrationError('statement-failed', `${(error as Error).message}: ${advice}`, { cause: error });
  } finally {
    await connection.close().catch(() => {});
  }
}
