import { DatabaseError } from '../base/index.ts';

/** A prepared statement no longer fits the schema: refused before it did anything. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '0A000' && /cached plan/.test(error.message);
}
