import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseError, MigrationError } from '../base/index.ts';

const attempts = 20;
const longestPauseMs = 500;

/** Serialization failure, deadlock, lock not available: somebody else was first, again may work. */
export const contention: ReadonlySet<string> = new Set(['40001', '40P01', '55P03']);

/** The SQLSTATE of an error, also of one that says which statement of a file it is about. */
export function sqlState(error: unknown): string | undefined {
  const said = error instanceof MigrationError ? error.cause : error;
  return said instanceof DatabaseError ? said.code : undefined;
}

/** Runs `work` again, after a random growing pause, while the server answers with one of these SQLSTATEs. */
export async function retryOn<T>(codes: ReadonlySet<string>, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!codes.has(sqlState(error) ?? '') || attempt === attempts) throw error;
      await delay(Math.random() * Math.min(longestPauseMs, 10 * 2 ** attempt));
    }
  }
}
