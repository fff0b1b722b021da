import type { RawResult, Statement } from '../query/index.ts';

/** The host that a connection goes to. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** What the core reports of one transaction. The default does nothing and costs nothing. */
export interface TransactionObserver {
  /** Runs the whole in the context of its span. */
  run<T>(body: () => Promise<T>): Promise<T>;
  /** An attempt begins on a connection to `server`. */
  attempt(attempt: number, server: ServerAddress): void;
  /** An attempt failed with `error`; told when another one follows. */
  retry(attempt: number, error: unknown): void;
  /** Calls `run` at once, so that statements keep their order and leave together. */
  statement(statement: Statement, run: () => Promise<RawResult>): Promise<RawResult>;
  /** The same for statements that are sent as one. */
  batch<T>(statements: readonly Statement[], run: () => Promise<T>): Promise<T>;
  /** It is over, after so many attempts: committed, unless it failed. */
  end(attempts: number, failure?: { readonly error: unknown }): void;
}

export interface TransactionInfo {
  readonly name: string;
  readonly component?: string | undefined;
  readonly readOnly: boolean;
}

/** Where the core sends what it sees. */
export interface Observer {
  transaction(info: TransactionInfo): TransactionObserver;
}

export const silentTransaction: TransactionObserver = {
  run: (body) => body(),
  attempt: () => {},
  retry: () => {},
  statement: (_, run) => run(),
  batch: (_, run) => run(),
  end: () => {},
};

export const silentObserver: Observer = { transaction: () => silentTransaction };
