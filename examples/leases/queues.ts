/** What anybody may ask of a lease or a resource that is active, and what the one writer of that phase does then. */
import { z } from 'zod';
import { type CommandHandlers, defineCommands } from '../../src/commands/index.ts';
import type { Database, Work } from '../../src/index.ts';
import { getLease, writeLease } from './generated/leases.ts';
import { getResource, takenSlots, writeResource } from './generated/resources.ts';
import {
  LEASE_PHASES,
  LEASE_WRITERS,
  type LeasePhase,
  RESOURCE_PHASES,
  RESOURCE_WRITERS,
  type ResourcePhase,
  writer,
} from './phases.ts';

export const leases = defineCommands({
  name: 'lease',
  states: LEASE_PHASES,
  state: async (on, name) => (await getLease(on, { name }))?.phase as LeasePhase | undefined,
  commands: {
    /** Ends the lease; it does so once, however often anybody asks. */
    release: {
      apply: ['active'],
      wait: ['pending', 'acquired'],
      overtakes: true,
      collapses: true,
      supersedes: ['extend'],
    },
    /** The lease expires so many milliseconds from now. */
    extend: {
      args: z.strictObject({ ms: z.int().positive() }),
      apply: ['active'],
      wait: ['pending', 'acquired'],
    },
  },
});

export const resources = defineCommands({
  name: 'resource',
  states: RESOURCE_PHASES,
  state: async (on, name) => (await getResource(on, { name }))?.phase as ResourcePhase | undefined,
  commands: {
    /** Ends the resource if no lease has a slot of it. */
    reclaim: { apply: ['active'], wait: ['pending'], collapses: true },
  },
});

type Handlers<Q> = Q extends { consume(work: Work, handlers: infer H): unknown }
  ? H
  : CommandHandlers<string, never>;

const leaseHandlers = (work: Work): Handlers<typeof leases> => ({
  release: async (tx) => {
    await writeLease(tx, { ...writer(work), phase: 'released', resource: null, ttlMs: null });
    tx.announce(LEASE_WRITERS.released);
  },
  extend: async (tx, { args }) => {
    await writeLease(tx, { ...writer(work), phase: 'active', resource: null, ttlMs: BigInt(args.ms) });
  },
});

const resourceHandlers = (work: Work): Handlers<typeof resources> => ({
  reclaim: async (tx, { target, reject }) => {
    const taken = await takenSlots(tx, { resource: target });
    if (taken.slots > 0n) reject(`${taken.slots} of its slots are taken`);
    await writeResource(tx, { ...writer(work), phase: 'released', port: null });
    tx.announce(RESOURCE_WRITERS.released);
  },
});

/** Carries out what is pending of the work's lease. */
export const consumeLease = (work: Work) => leases.consume(work, leaseHandlers(work));
/** Carries out what is pending of the work's resource. */
export const consumeResource = (work: Work) => resources.consume(work, resourceHandlers(work));

/** Reads by a statement of its own, which is tried again where it meets a writer. */
export const reading = (db: Database) => db.guardedWithin(60_000);
