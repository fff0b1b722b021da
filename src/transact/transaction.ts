import type {
  BatchResults,
  BoundQuery,
  CompiledQuery,
  Executor,
  RawResult,
  Statement,
} from '../query/index.ts';
import type { TransactOptions } from './options.ts';

/** What the callback is told about the attempt it runs in. */
export interface AttemptInfo {
  /** 1 for the first. */
  readonly attempt: number;
  /** Why the attempt before failed. */
  readonly lastError: unknown;
}

/** Called once per attempt; must not have effects outside of the database. */
export type TransactionBody<T> = (tx: Transaction, info: AttemptInfo) => Promise<T> | T;

/**
 * A transaction, for as long as its callback runs. Statements leave at once and are answered in order, so
 * calls made without awaiting in between share a round trip; those still pending when the callback returns
 * are waited for before the commit, and if one fails nothing commits.
 *
 * After the callback has settled every use rejects with MisuseError. After the connection is lost
 * every use rejects with ConnectionLostError. A statement that failed, or was refused before it was sent, fails the
 * transaction even if the callback swallows the error, as in PostgreSQL.
 */
export interface Transaction extends Executor {
  execute(statement: Statement): Promise<RawResult>;
  /**
   * Queries with their parameters, `getMachine.with({ machineId })`, in one round trip; gives their results in
   * order, typed. Every one is encoded before any is sent.
   */
  batch<const Q extends readonly BoundQuery<unknown>[]>(queries: Q): Promise<BatchResults<Q>>;
  /** Aborts when the transaction must end early: its own signal, its deadline, its session. */
  readonly signal: AbortSignal;
  /** A nested transaction, which can fail alone: it is rolled back to where it began, its error is rethrown. */
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
  /**
   * Tells all who watch the topic, in every process, to look at the database again: with the commit, in its message.
   * Control loops watch their kind. Throws MisuseError.
   */
  announce(topic: string): void;
  /**
   * Runs once, after a definite commit of the whole; not when the outcome is ambiguous, nor for a nested transaction
   * that was rolled back. Throws MisuseError once the callback has settled.
   */
  onCommit(hook: () => void | Promise<void>): void;
  /**
   * Runs once for each failed attempt; for a nested transaction that is rolled back alone, before its error is
   * rethrown. Not when the outcome is ambiguous. Throws MisuseError once the callback has settled.
   */
  onRollback(hook: () => void | Promise<void>): void;
}

export type { CompiledQuery };
