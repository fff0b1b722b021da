/**
 * The base of every error that Holdfast itself throws.
 *
 * `code` is stable across releases and is what a program should branch on; `message` is for people
 * and may change. The original failure, if there is one, is in `cause`. No error carries a bound
 * parameter, a password or a connection string.
 */
export abstract class HoldfastError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
  }
}
