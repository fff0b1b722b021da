import type { TransactionBody } from '../transact/index.ts';
import type { FaultProxy } from './proxy/fault-proxy.ts';
import { type Fault, refuse } from './proxy/faults.ts';
import type { WireMessage } from './wire/message.ts';

export interface RetryInjection {
  /** How many times it strikes, at most once in an attempt of a transaction. Default 1. */
  readonly times?: number | undefined;
  /** Where: a statement whose text matches, or the commit. Default `commit`. */
  readonly at?: 'commit' | RegExp | undefined;
  /** Default 40001, a serialization failure. */
  readonly sqlState?: string | undefined;
}

const COMMIT = /^(COMMIT|RELEASE SAVEPOINT cockroach_restart)$/;
const BEGINS = /^\s*(BEGIN|START\s+TRANSACTION|ROLLBACK\s+TO\s+SAVEPOINT\s+cockroach_restart)\b/i;
const ENDS = /^\s*(COMMIT|END|ABORT|ROLLBACK(?!\s+TO\b))\b/i;

/**
 * Makes statements that go through the proxy fail on the server, as contention would. What leaves behind a
 * refused statement in the same attempt, such as the COMMIT behind CockroachDB's RELEASE, is not struck again.
 */
export function injectRetries(proxy: FaultProxy, injection: RetryInjection = {}): Fault {
  const { times = 1, at = 'commit', sqlState = '40001' } = injection;
  const matching = at === 'commit' ? COMMIT : at;
  return proxy.inject({
    direction: 'to-server',
    at: oncePerAttempt((sql) => {
      matching.lastIndex = 0;
      return matching.test(sql);
    }),
    action: refuse(sqlState, 'restart transaction: injected by a test'),
    times,
  });
}

/** Follows the transactions of every connection; a statement outside of one is an attempt by itself. */
function oncePerAttempt(matches: (sql: string) => boolean): (message: WireMessage) => boolean {
  const struckByConnection = new Map<number, boolean>();
  return ({ connection, sql }) => {
    if (sql === undefined) return false;
    if (BEGINS.test(sql)) struckByConnection.set(connection, false);
    const strikes = !struckByConnection.get(connection) && matches(sql);
    if (strikes && struckByConnection.has(connection)) struckByConnection.set(connection, true);
    if (ENDS.test(sql)) struckByConnection.delete(connection);
    return strikes;
  };
}

/**
 * The same without a proxy: a body whose first `times` runs do all their work and then fail as a serialization
 * failure does. What such a body does besides the database happens again each time, which is what to look for.
 */
export function retriedBody<T>(times: number, body: TransactionBody<T>): TransactionBody<T> {
  return async (tx, info) => {
    const value = await body(tx, info);
    if (info.attempt > times) return value;
    throw Object.assign(new Error('restart transaction: injected by a test'), { code: '40001' });
  };
}
