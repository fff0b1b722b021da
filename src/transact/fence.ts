import type { Statement } from '../query/index.ts';

/**
 * A statement that is sent together with COMMIT. It raises on the server, so that nothing commits, when what it
 * proves is no longer so.
 */
export interface Seal {
  /** Whose proof it is: a transaction sends one seal for each owner. */
  readonly owner: object;
  readonly statement: Statement;
  /** Turns what the statement raised into the error for the caller; undefined if it is another error. */
  translate(error: unknown): Error | undefined;
}

/**
 * What every attempt of a transaction must prove, besides being serializable. A session is one; the core of
 * `transact` knows only this.
 */
export interface Fence {
  /** Throws when it is known without the database that the proof would fail. Called before each attempt and before each statement. */
  assertAlive(): void;
  /** The server ends a transaction that waits so long for its next statement, and with it its row locks. */
  readonly idleTimeoutMs?: number | undefined;
  /** Sent together with BEGIN. Must raise on the server when the proof fails. */
  readonly open: Statement;
  /** Sent together with COMMIT where the engine needs it; must raise likewise. */
  readonly seal?: Statement | undefined;
  /** Turns what one of these two statements raised into the error for the caller; undefined if it is another error. */
  translate(error: unknown): Error | undefined;
}
