/** Phases of leases and resources, and the one kind of work that writes each in each; the table leases.phase has the same. */
import { fileURLToPath } from 'node:url';
import type { Work } from '../../src/index.ts';

/** The folder of this example's migrations, for `migrate`. */
export const LEASES_SCHEMA = fileURLToPath(new URL('./schema/leases', import.meta.url));

export const LEASE_WRITERS = {
  pending: 'lease:allocate',
  acquired: 'lease:activate',
  active: 'lease:commands',
  released: 'lease:destroy',
  broken: 'lease:destroy',
  destroyed: undefined,
} as const;
export const RESOURCE_WRITERS = {
  pending: 'resource:create',
  active: 'resource:commands',
  released: 'resource:destroy',
  broken: 'resource:destroy',
  destroyed: undefined,
} as const;
export type LeasePhase = keyof typeof LEASE_WRITERS;
export type ResourcePhase = keyof typeof RESOURCE_WRITERS;
export const LEASE_PHASES = Object.keys(LEASE_WRITERS) as [LeasePhase, ...LeasePhase[]];
export const RESOURCE_PHASES = Object.keys(RESOURCE_WRITERS) as [ResourcePhase, ...ResourcePhase[]];

/** Work that writes nothing: it sends `release` to leases whose time is over. */
export const EXPIRE = 'lease:expire';

/** What a write of the work's own target has to say of the work. */
export const writer = ({ target, kind, token }: Work) => ({ name: target, kind, token });
