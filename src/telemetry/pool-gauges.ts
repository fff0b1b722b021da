import type { Meter } from '@opentelemetry/api';
import { POOL_NAME, POOL_STATE } from './attributes.ts';

/** What a pool tells of itself. */
export interface PoolReading {
  readonly idle: number;
  readonly busy: number;
  readonly waiting: number;
}

export interface ObservedPool {
  readonly name: string;
  readonly max: number;
  readonly read: () => PoolReading;
}

type Shown = Pick<ObservedPool, 'max' | 'read'>;

const CLOSED: Shown = { max: 0, read: () => ({ idle: 0, busy: 0, waiting: 0 }) };
const pools = new Map<string, Shown>();

/**
 * Shows the pool's gauges until the returned function is called, zeros from then on: a reader that accumulates
 * would go on showing the last values of a pool that is not reported any more. A name in use gets a number
 * behind it.
 */
export function addPool({ name: wanted, max, read }: ObservedPool): () => void {
  let name = wanted;
  for (let number = 2; (pools.get(name) ?? CLOSED) !== CLOSED; number++) name = `${wanted} ${number}`;
  pools.set(name, { max, read });
  return () => pools.set(name, CLOSED);
}

/** Gauges of every pool of the process, as the semantic conventions name them. */
export function observePools(meter: Meter): void {
  const count = meter.createObservableUpDownCounter('db.client.connection.count', {
    unit: '{connection}',
    description: 'Connections by state.',
  });
  const pending = meter.createObservableUpDownCounter('db.client.connection.pending_requests', {
    unit: '{request}',
    description: 'Requests that wait for a connection.',
  });
  const max = meter.createObservableUpDownCounter('db.client.connection.max', {
    unit: '{connection}',
    description: 'Most connections that the pool opens.',
  });
  meter.addBatchObservableCallback(
    (result) => {
      for (const [poolName, pool] of pools) {
        const { idle, busy, waiting } = pool.read();
        const name = { [POOL_NAME]: poolName };
        result.observe(count, idle, { ...name, [POOL_STATE]: 'idle' });
        result.observe(count, busy, { ...name, [POOL_STATE]: 'used' });
        result.observe(pending, waiting, name);
        result.observe(max, pool.max, name);
      }
    },
    [count, pending, max],
  );
}
