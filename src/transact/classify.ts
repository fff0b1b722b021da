import {
  AmbiguousCommitError,
  CommittedWithSchemaErrorsError,
  ConnectionLostError,
  DatabaseError,
  errorChain,
  PoolTimeoutError,
  RetriesExhaustedError,
} from '../base/index.ts';
import { isStalePlan } from '../database/index.ts';

/**
 * What an error means for the transaction that it ended, when the commit had not been sent yet:
 * - `retry`: serialization failure or deadlock; definitely not applied
 * - `stale-plan`: a prepared statement no longer fits the schema; the connection is replaced, then retried
 * - `connection`: the connection was lost; definitely not applied, retried on another one
 * - `ambiguous`: the server does not know itself
 * - `schema-committed`: committed, but DDL in it failed
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
    // Another transaction's last word, whatever it wraps, and waiting for a connection spends no retry.
    if (FINAL.some((kind) => link instanceof kind)) return 'definite';
    if (link instanceof DatabaseError || isSqlState(link)) {
      const { code } = link as { code: string };
      if (code === '40001' || code === '40P01') return 'retry';
      if (code === 'XXA00') return 'schema-committed';
      if (code === '40003') return 'ambiguous';
      if (isStalePlan(link)) return 'stale-plan';
    }
    if (link instanceof ConnectionLostError) connection = true;
    // An answer too large for a string of JavaScript: it would be no smaller the next time.
    if ((link as { code?: unknown }).code === 'ERR_STRING_TOO_LONG') return 'definite';
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
