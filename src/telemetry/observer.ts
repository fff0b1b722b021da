import type { RawResult, Statement } from '../query/index.ts';

/** What the core reports of one transaction. The default does nothing and costs nothing. */
export interface TransactionObserver {
  /** Runs the whole in the context of its span. */
  run<T>(body: () => Promise<T>): Promise<T>;
  attempt(attempt: number): void;
  retry(attempt: number, error: unknown): void;
  statement(statement: Statement, run: () => Promise<RawResult>): Promise<RawResult>;
  end(outcome: 'committed' | 'failed' | 'ambiguous', attempts: number, error?: unknown): void;
}

export interface TransactionInfo {
  readonly name: string;
  readonly processor?: string | undefined;
  readonly readOnly: boolean;
}

/** Where the core sends what it sees. */
export interface Observer {
  transaction(info: TransactionInfo): TransactionObserver;
}

const silentTransaction: TransactionObserver = {
  run: (body) => body(),
  attempt: () => {},
  retry: () => {},
  statement: (_, run) => run(),
  end: () => {},
};

export const silentObserver: Observer = { transaction: () => silentTransaction };
