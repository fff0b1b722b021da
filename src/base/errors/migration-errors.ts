import { HoldfastError } from './holdfast-error.ts';

/**
 * Why a migration did not run:
 * - `invalid-file`: a file that cannot be used as a migration
 * - `edited`: a file that was applied and has changed since, or is gone
 * - `out-of-order`: a file numbered before one that is applied
 * - `statement-failed`: the server refused a statement; it is the `cause`
 * - `lock-timeout`: another migration held the lock all the time
 * - `lock-lost`: this process was stalled, and another one took the lock over
 */
export type MigrationFailure =
  | 'invalid-file'
  | 'edited'
  | 'out-of-order'
  | 'statement-failed'
  | 'lock-timeout'
  | 'lock-lost';

/** A migration that could not be done. What was done before stays; the next run goes on from there. */
export class MigrationError extends HoldfastError {
  readonly code = 'HOLDFAST_MIGRATION';
  readonly reason: MigrationFailure;

  constructor(reason: MigrationFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}
