import {
  AmbiguousCommitError,
  CommittedWithSchemaErrorsError,
  ConnectionLostError,
  DatabaseError,
  errorChain,
  PoolTimeoutError,
  RetriesExhaustedError,
} from '../base/index.ts';
import { isOutage, isStalePlan, isTooLarge } from '../database/index.ts';

/** What became of an attempt. It is made once, when the attempt is over, and nothing classifies the error again. */
export type Ending<T> =
  | { readonly outcome: 'committed'; readonly value: T }
  /** It is committed, and there is something else to report. */
  | { readonly outcome: 'committed'; readonly error: Error }
  | { readonly outcome: 'rolled-back'; readonly error: unknown; readonly retry: Retry | undefined }
  /** The answer to the COMMIT was lost, or does not say. */
  | { readonly outcome: 'unknown'; readonly error: AmbiguousCommitError; readonly retry: boolean };

/** Why another attempt may succeed: it lost to other transactions, or needs another connection. */
export type Retry = 'conflict' | 'connection';

/**
 * What an error means for the transaction that it ended, when the commit had not been sent yet:
 * - `retry`: serialization failure or deadlock; not applied
 * - `stale-plan`: a prepared statement no longer fits the schema; not applied, retried on another connection
 * - `connection`: the connection, or the server behind it, was lost; not applied, retried on another connection
 * - `ambiguous`: the server does not know itself
 * - `schema-committed`: committed, but a schema change in it failed
 * - `definite`: anything else; rolled back and thrown as it is
 */
export type Verdict = 'retry' | 'stale-plan' | 'connection' | 'ambiguous' | 'schema-committed' | 'definite';

/**
 * Looks through wrappers: `cause` at any depth, the members of an AggregateError, an `error` property.
 * A wrapper's own `code` does not hide the database's. Cycles end the search.
 */
export function classify(error: unknown): Verdict {
  let connection = false;
  for (const link of errorChain(error)) {
    // The end of another transaction, whatever it wraps. Waiting for a connection spends no retry.
    if (FINAL.some((kind) => link instanceof kind)) return 'definite';
    if (link instanceof DatabaseError || isSqlState(link)) {
      const { code } = link as { code: string };
      if (code === '40001' || code === '40P01') return 'retry';
      if (code === 'XXA00') return 'schema-committed';
      if (code === '40003') return 'ambiguous';
      if (isStalePlan(link)) return 'stale-plan';
    }
    if (link instanceof ConnectionLostError || isOutage(link)) connection = true;
    if (isTooLarge(link)) return 'definite';
  }
  return connection ? 'connection' : 'definite';
}

const FINAL = [
  PoolTimeoutError,
  RetriesExhaustedError,
  AmbiguousCommitError,
  CommittedWithSchemaErrorsError,
] as const;

/** The SQLSTATE that decided, for telemetry. */
export function sqlStateOf(error: unknown): string | undefined {
  for (const link of errorChain(error)) if (isSqlState(link)) return link.code;
  return undefined;
}

const isSqlState = (link: unknown): link is { code: string } =>
  typeof (link as { code?: unknown } | null)?.code === 'string' &&
  /^[0-9A-Z]{5}$/.test((link as { code: string }).code);
