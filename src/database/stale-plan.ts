import { DatabaseError } from '../base/index.ts';

/** A prepared statement no longer fits the schema: refused before it did anything. Messages may be in any language. */
export function isStalePlan(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.code !== '0A000') return false;
  return error.routine === 'RevalidateCachedQuery' || /cached plan/.test(error.message);
}
