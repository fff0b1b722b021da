import { DatabaseError, errorChain, HoldfastError } from '../base/index.ts';

/** What may be told of an error. Never its message or detail: those can quote row values and parameters. */
export interface ErrorFacts {
  /** SQLSTATE, Holdfast's stable code, or the name of the error's class. */
  readonly type: string;
  /** SQLSTATE of the first database error in the chain. */
  readonly sqlState: string | undefined;
  /** CockroachDB's reason for a retry, from a closed list. */
  readonly retryReason: string | undefined;
}

/** Reasons that CockroachDB puts into the message of a 40001. */
const REASONS = [
  'RETRY_WRITE_TOO_OLD',
  'RETRY_SERIALIZABLE',
  'RETRY_ASYNC_WRITE_FAILURE',
  'RETRY_COMMIT_DEADLINE_EXCEEDED',
  'RETRY_POSSIBLE_REPLAY',
  'RETRY_REASON_UNKNOWN',
  'ABORT_REASON_ABORTED_RECORD_FOUND',
  'ABORT_REASON_CLIENT_REJECT',
  'ABORT_REASON_PUSHER_ABORTED',
  'ABORT_REASON_ABORT_SPAN',
  'ABORT_REASON_NEW_LEASE_PREVENTS_TXN',
  'ABORT_REASON_TIMESTAMP_CACHE_REJECTED',
  'ABORT_REASON_ALREADY_COMMITTED_OR_ROLLED_BACK_POSSIBLE_REPLAY',
  'ABORT_REASON_RECORD_ALREADY_WRITTEN_POSSIBLE_REPLAY',
  'ABORT_REASON_UNKNOWN',
  'ReadWithinUncertaintyIntervalError',
  'WriteTooOldError',
];
/** Classes that the standard and the two servers use; a system error such as EPERM has none of them. */
const SQLSTATE = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;
const CLASS_NAME = /^[A-Za-z_$][\w$]{0,99}$/;

export function errorFacts(error: unknown): ErrorFacts {
  let sqlState: string | undefined;
  let retryReason: string | undefined;
  for (const link of errorChain(error)) {
    const { code, message } = link as { code?: unknown; message?: unknown };
    if (typeof code !== 'string' || !(link instanceof DatabaseError || SQLSTATE.test(code))) continue;
    sqlState = code;
    if (code === '40001') retryReason = REASONS.find((reason) => String(message).includes(reason));
    break;
  }
  const type = error instanceof HoldfastError ? error.code : classOf(error);
  return { type, sqlState, retryReason };
}

/** The class and not the `name` property, which a program may fill with anything. */
function classOf(error: unknown): string {
  if (error instanceof DOMException && ['AbortError', 'TimeoutError'].includes(error.name)) return error.name;
  const name: unknown = error instanceof Error ? error.constructor.name : undefined;
  return typeof name === 'string' && CLASS_NAME.test(name) ? name : '_OTHER';
}
