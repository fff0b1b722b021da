/** Gives pending leases slots of resources: of a free one, or else of one that it makes; or asks an unused one to go. */
import type { CandidateSource, Database, Transaction, Work } from '../../src/index.ts';
import { allocationSteps, requestLease, takeSlots, writeLease } from './generated/leases.ts';
import { saveResource } from './generated/resources.ts';
import { LEASE_WRITERS, RESOURCE_WRITERS, writer } from './phases.ts';
import { resources } from './queues.ts';

const KIND = LEASE_WRITERS.pending;

/** Asks for a lease. Who has asked never writes it again: from here on only commands change it. */
export async function request(
  db: Database,
  lease: {
    readonly name: string;
    readonly host: string;
    readonly blueprint: string;
    readonly slots: number;
    readonly ttlMs: number;
  },
): Promise<void> {
  await db.transact(async (tx) => {
    await requestLease(tx, { ...lease, slots: BigInt(lease.slots), ttlMs: BigInt(lease.ttlMs) });
    tx.announce(KIND);
  });
}

/** Pending leases for which something can be done, one at a time on a host. `most`: resources that the host bears. */
export const pendingLeases = (host: string, most: number): CandidateSource => ({
  kind: KIND,
  candidates: async (tx) => {
    const [step] = await allocationSteps(tx, { host, most: BigInt(most), lease: null, wanted: 1n });
    return step ? [{ target: step.name, exclude: [{ group: 'leases:allocator', key: host }] }] : [];
  },
});

/** Does the next step for the work's lease, as far as there is one by now. */
export const allocate = (work: Work, host: string, most: number) =>
  work.finish((tx) => takeStep(tx, work, host, most));

async function takeStep(tx: Transaction, work: Work, host: string, most: number): Promise<void> {
  const lease = work.target;
  const [next] = await allocationSteps(tx, { host, most: BigInt(most), lease, wanted: 1n });
  if (!next) return;
  const { step, resource, slots } = next;
  if (step === 'acquire') {
    await takeSlots(tx, { resource: resource!, lease, slots });
    await writeLease(tx, { ...writer(work), phase: 'acquired', resource, ttlMs: null });
    tx.announce(LEASE_WRITERS.acquired);
  } else if (step === 'create') {
    const { kind, token } = work;
    await saveResource(tx, { name: `${lease}.${token}`, lease, kind, token });
    tx.announce(RESOURCE_WRITERS.pending);
  } else await resources.send(tx, resource!, 'reclaim', {}, { author: `allocator, for ${lease}` });
}
