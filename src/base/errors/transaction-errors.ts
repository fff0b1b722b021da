import { HoldfastError } from './holdfast-error.ts';

/** Every attempt failed with a retryable error. Nothing was committed. The last one is the `cause`. */
export class RetriesExhaustedError extends HoldfastError {
  readonly code = 'HOLDFAST_RETRIES_EXHAUSTED';
  readonly attempts: number;
  readonly elapsedMs: number;

  constructor(name: string, attempts: number, elapsedMs: number, cause: unknown) {
    super(`transaction ${name} gave up after ${attempts} attempts in ${Math.round(elapsedMs)} ms`, { cause });
    this.attempts = attempts;
    this.elapsedMs = elapsedMs;
  }
}

/**
 * The commit was sent and its outcome is not known: the transaction may or may not have been applied.
 * Read the database before doing it again, or use `commitMarker` (resolved for you) or `idempotent`.
 */
export class AmbiguousCommitError extends HoldfastError {
  readonly code = 'HOLDFAST_AMBIGUOUS_COMMIT';
}

/** ROLLBACK TO SAVEPOINT failed, so the attempt could not be restarted. Carries both errors. */
export class TransactionRestartError extends HoldfastError {
  readonly code = 'HOLDFAST_TRANSACTION_RESTART';
  /** What made the restart necessary; the failure of the restart itself is the `cause`. */
  readonly retryCause: unknown;

  constructor(retryCause: unknown, cause: unknown) {
    super('the transaction could not be rolled back to its restart savepoint', { cause });
    this.retryCause = retryCause;
  }
}

/** CockroachDB XXA00: the transaction is committed, but a schema change in it failed. Never retried. */
export class CommittedWithSchemaErrorsError extends HoldfastError {
  readonly code = 'HOLDFAST_COMMITTED_WITH_SCHEMA_ERRORS';
}

/** The deadline passed before the transaction could commit. Nothing was committed. */
export class DeadlineExceededError extends HoldfastError {
  readonly code = 'HOLDFAST_DEADLINE_EXCEEDED';
}

/** The server answered COMMIT with ROLLBACK though no statement of the callback had failed. Nothing was committed. */
export class RolledBackError extends HoldfastError {
  readonly code = 'HOLDFAST_ROLLED_BACK';
}
