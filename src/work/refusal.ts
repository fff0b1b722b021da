import { DatabaseError } from '../base/index.ts';

/** Why the server refused a statement of a session; see docs/work.md. */
export type Refusal = 'session-expired' | 'lease-lost' | 'claim-void' | 'claim-torn';

const REFUSALS: readonly Refusal[] = ['session-expired', 'lease-lost', 'claim-void', 'claim-torn'];

/**
 * The refusal that a statement raised, if it did. `secret` is the random value that the statement was given: a statement
 * that holds SQL of a user's shows it, so no value of a user's can read like a refusal.
 */
export function refusalIn(error: unknown, secret?: string): Refusal | undefined {
  if (!(error instanceof DatabaseError) || error.code !== '22P02') return undefined;
  return REFUSALS.find((why) =>
    error.message.includes(secret === undefined ? `holdfast:${why}` : `holdfast:${why} ${secret}`),
  );
}
