import { DatabaseError, MigrationError } from '../base/index.ts';
import type { MigrationPlace } from './connection.ts';
import { toTarget } from './options.ts';
import { contention, retryOn } from './retry.ts';

// Two who grant at once change the same rows of PostgreSQL's catalog.
const races = new Set([...contention, 'XX000', '23505']);

const ADVICE: Readonly<Record<string, string>> = {
  '42704': 'create it first, such as by CREATE ROLE ... LOGIN',
  '3F000': 'bring the schema up first: holdfast migrate up',
  '42P01': 'bring the schema up first: holdfast migrate up',
};

/**
 * Runs statements that grant rights, each by itself. Any number of processes may do it at once and again. Throws MigrationError for a
 * user, a table or a schema that is not there, and as `migrate`.
 */
export async function grant(place: MigrationPlace, statements: readonly string[]): Promise<void> {
  const connection = await toTarget(place).open();
  try {
    for (const text of statements) await retryOn(races, () => connection.execute({ text, values: [] }));
  } catch (error) {
    const advice = error instanceof DatabaseError ? ADVICE[error.code] : undefined;
    if (advice === undefined) throw error;
    throw new MigrationError('statement-failed', `${(error as Error).message}: ${advice}`, { cause: error });
  } finally {
    await connection.close().catch(() => {});
  }
}
