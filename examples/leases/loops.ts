/** The control loops of a worker: one for the writer of each phase, and one that asks for the end of what has expired. */
import {
  type ControlLoop,
  type ControlLoopOptions,
  type Database,
  runControlLoop,
  type Work,
} from '../../src/index.ts';
import { allocate, pendingLeases } from './allocator.ts';
import {
  acquiredLeases,
  endingLeases,
  expiredLeases,
  freeSlots,
  getLease,
  writeLease,
} from './generated/leases.ts';
import { endingResources, getResource, pendingResources, writeResource } from './generated/resources.ts';
import { freePort, type Host } from './host.ts';
import { EXPIRE, LEASE_WRITERS, RESOURCE_WRITERS, writer } from './phases.ts';
import { consumeLease, consumeResource, leases, reading, resources } from './queues.ts';

export interface WorkerOptions {
  readonly host: Host;
  /** Resources that the host bears. */
  readonly most: number;
  /** A worker is dead this long after its last heartbeat. Default 1,000. */
  readonly intervalMs?: number;
  /** Called between what a handler does on the host and its record, with the kind of work. */
  readonly between?: (kind: string) => Promise<void> | void;
  readonly onError?: ControlLoopOptions['onError'];
}

/** What fails on the host so often makes its lease or resource broken. */
const ATTEMPTS = 3;
const NOTHING = { resource: null, ttlMs: null, port: null } as const;

/** What each kind of work does. An effect on the host comes first; then its record and the hand-over are one commit. */
export function handlersOf(db: Database, { host, most, between = () => {} }: WorkerOptions) {
  const lease = async ({ target: name }: Work) => (await getLease(reading(db), { name }))!;
  const resource = async ({ target: name }: Work) => (await getResource(reading(db), { name }))!;

  /** Does it; the phase to go to. Throws where it is worth another try. */
  const attempt = async (work: Work, effect: () => Promise<void>): Promise<'active' | 'broken'> => {
    try {
      await effect();
      return 'active';
    } catch (error) {
      if (work.signal.aborted || work.failures + 1 < ATTEMPTS) throw error;
      return 'broken';
    } finally {
      await between(work.kind);
    }
  };

  return {
    'lease:allocate': async (work: Work) => allocate(work, host.name, most),

    'resource:create': async (work: Work) => {
      let { blueprint, port } = await resource(work);
      if (blueprint === 'port' && port === null) {
        port = BigInt(await freePort());
        const record = { ...writer(work), phase: 'pending', port };
        await work.transact((tx) => writeResource(tx, record));
      }
      const phase = await attempt(work, () => host.startResource(work.target, Number(port ?? 0)));
      await work.finish(async (tx) => {
        await writeResource(tx, { ...NOTHING, ...writer(work), phase });
        await resources.wake(tx, work.target);
        tx.announce(phase === 'active' ? LEASE_WRITERS.pending : RESOURCE_WRITERS.broken);
      });
    },

    'lease:activate': async (work: Work) => {
      const { resource, ttlMs } = await lease(work);
      const phase = await attempt(work, () => host.openLease(resource!, work.target));
      await work.finish(async (tx) => {
        await writeLease(tx, { ...NOTHING, ...writer(work), phase, ttlMs });
        await leases.wake(tx, work.target);
        if (phase === 'broken') tx.announce(LEASE_WRITERS.broken);
      });
    },

    'lease:commands': async (work: Work) => void (await consumeLease(work)),
    'resource:commands': async (work: Work) => void (await consumeResource(work)),

    'lease:destroy': async (work: Work) => {
      const { resource } = await lease(work);
      await host.closeLease(resource!, work.target);
      await between(work.kind);
      await work.finish(async (tx) => {
        await writeLease(tx, { ...NOTHING, ...writer(work), phase: 'destroyed' });
        await freeSlots(tx, { lease: work.target });
        await leases.destroyed(tx, work.target);
        tx.announce(LEASE_WRITERS.pending);
      });
    },

    'resource:destroy': async (work: Work) => {
      await host.stopResource(work.target);
      await between(work.kind);
      await work.finish(async (tx) => {
        await writeResource(tx, { ...NOTHING, ...writer(work), phase: 'destroyed' });
        await resources.destroyed(tx, work.target);
        tx.announce(LEASE_WRITERS.pending);
      });
    },

    'lease:expire': async (work: Work) =>
      work.finish(async (tx) => {
        await leases.send(tx, work.target, 'release', {}, { author: 'expiry', key: 'expiry' });
      }),
  };
}

/** Starts them all. */
export function runLoops(db: Database, options: WorkerOptions): ControlLoop[] {
  const { host, most, intervalMs = 1_000, onError } = options;
  const here = { host: host.name };
  const sources = {
    'lease:allocate': [pendingLeases(host.name, most), 1],
    'resource:create': [pendingResources.with(here), 2],
    'lease:activate': [acquiredLeases.with(here), 4],
    'lease:commands': [leases.source, 4],
    'resource:commands': [resources.source, 2],
    'lease:destroy': [endingLeases.with(here), 4],
    'resource:destroy': [endingResources.with(here), 2],
    'lease:expire': [expiredLeases.with(here), 2],
  } as const;
  const handlers = handlersOf(db, options);
  return (Object.keys(sources) as (keyof typeof sources)[]).map((kind) =>
    runControlLoop(db, {
      source: sources[kind][0],
      parallelism: sources[kind][1],
      handle: handlers[kind],
      intervalMs,
      // They are told of nearly everything; time alone makes a lease expire.
      pollIntervalMs: kind === EXPIRE ? Math.ceil(intervalMs / 2) : intervalMs * 2,
      backoff: { initialMs: 1_000, maximumMs: 1_000, exponent: 1 },
      ...(onError ? { onError } : {}),
    }),
  );
}
