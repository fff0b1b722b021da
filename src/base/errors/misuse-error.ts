import { HoldfastError } from './holdfast-error.ts';

/**
 * What is wrong with a call:
 *
 * - `HOLDFAST_INVALID_OPTION`: an option, argument or file cannot be used.
 * - `HOLDFAST_INVALID_PARAMETER`: a parameter of a compiled query is missing, null where it must not be, or of the wrong
 *   type.
 * - `HOLDFAST_NESTED_OPTIONS`: a nested transaction asks for what its outer one cannot give, or something that commits by
 *   itself is called inside of a transaction.
 * - `HOLDFAST_TRANSACTION_CLOSED`: a statement on a transaction that has ended.
 * - `HOLDFAST_FORBIDDEN_STATEMENT`: a statement that may not be sent there, such as COMMIT in a callback.
 * - `HOLDFAST_WORK_ENDED`: an end of work that has ended already.
 */
export type MisuseCode =
  | 'HOLDFAST_INVALID_OPTION'
  | 'HOLDFAST_INVALID_PARAMETER'
  | 'HOLDFAST_NESTED_OPTIONS'
  | 'HOLDFAST_TRANSACTION_CLOSED'
  | 'HOLDFAST_FORBIDDEN_STATEMENT'
  | 'HOLDFAST_WORK_ENDED';

/** The program calls in a way that can never work: only another program mends it. Nothing was sent to the server. */
export class MisuseError extends HoldfastError {
  readonly code: MisuseCode;
  /** What is wrong, where it has a name: the path of an option, such as `pool.max`. */
  readonly subject: string | undefined;

  constructor(code: MisuseCode, message: string, options?: { subject?: string; cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.subject = options?.subject;
  }
}

/** The error for an option or argument that cannot be used; `message` says why and how to mend it. */
export const invalidOption = (subject: string, message: string, options?: { cause?: unknown }): MisuseError =>
  new MisuseError('HOLDFAST_INVALID_OPTION', `${subject}: ${message}`, { ...options, subject });

export const isMisuse = (error: unknown, code: MisuseCode): error is MisuseError =>
  error instanceof MisuseError && error.code === code;
