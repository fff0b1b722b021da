import type { TransactionBody } from '../transact/index.ts';
import type { FaultProxy } from './proxy/fault-proxy.ts';
import { type Fault, refuse } from './proxy/faults.ts';

export interface RetryInjection {
  /** How many times it strikes. Default 1. */
  readonly times?: number | undefined;
  /** Where: a statement whose text matches, or the commit. Default `commit`. */
  readonly at?: 'commit' | RegExp | undefined;
  /** Default 40001, a serialization failure. */
  readonly sqlState?: string | undefined;
}

const COMMIT = /^(COMMIT|RELEASE SAVEPOINT cockroach_restart)$/;

/** Makes statements that go through the proxy fail on the server, as contention would. */
export function injectRetries(proxy: FaultProxy, injection: RetryInjection = {}): Fault {
  const { times = 1, at = 'commit', sqlState = '40001' } = injection;
  const matching = at === 'commit' ? COMMIT : at;
  return proxy.inject({
    direction: 'to-server',
    at: ({ sql }) => {
      matching.lastIndex = 0;
      return sql !== undefined && matching.test(sql);
    },
    action: refuse(sqlState, 'restart transaction: injected by a test'),
    times,
  });
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
