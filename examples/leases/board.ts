/** Where all leases and resources of a host stand, read every so often for all who wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../src/index.ts';
import { leasesOf, resourcesOf } from './generated/checks.ts';
import { LEASE_PHASES, type LeasePhase, RESOURCE_PHASES, type ResourcePhase } from './phases.ts';
import { reading } from './queues.ts';

const EVERY_MS = 100;

interface Standing<Phase> {
  readonly phase: Phase;
  readonly resource?: string | null;
}

export class Board {
  leases: ReadonlyMap<string, Standing<LeasePhase>> = new Map();
  resources: ReadonlyMap<string, Standing<ResourcePhase>> = new Map();
  readonly #db: Database;
  readonly #host: string;
  #waiting: { readonly isSo: () => boolean; readonly tell: () => void }[] = [];

  constructor(db: Database, host: string) {
    this.#db = db;
    this.#host = host;
  }

  /** Reads until the signal aborts; `show` is called after each look. */
  async run(signal: AbortSignal, show: (line: string) => void): Promise<void> {
    while (!signal.aborted) {
      const host = this.#host;
      const [leases, resources] = await Promise.all([
        leasesOf(reading(this.#db), { host }),
        resourcesOf(reading(this.#db), { host }),
      ]);
      this.leases = new Map(
        leases.map(({ name, phase, resource }) => [name, { phase: phase as LeasePhase, resource }]),
      );
      this.resources = new Map(resources.map(({ name, phase }) => [name, { phase: phase as ResourcePhase }]));
      const told = this.#waiting.filter(({ isSo }) => isSo());
      this.#waiting = this.#waiting.filter((one) => !told.includes(one));
      for (const { tell } of told) tell();
      show(
        `leases: ${count(LEASE_PHASES, this.leases)}; resources: ${count(RESOURCE_PHASES, this.resources)}`,
      );
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Whether a worker has something to do on the host, or an active lease to end. */
  isMoving(): boolean {
    const all = [...this.leases.values(), ...this.resources.values()];
    return all.some(({ phase, resource }) =>
      resource === undefined
        ? phase === 'pending' || phase === 'released'
        : ['acquired', 'active', 'released'].includes(phase),
    );
  }

  /** Resolves after a look that found it so. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((tell) => this.#waiting.push({ isSo, tell }));
  }
}

function count<P extends string>(phases: readonly P[], all: ReadonlyMap<string, Standing<P>>): string {
  const counts = phases.map(
    (phase) => [phase, [...all.values()].filter((one) => one.phase === phase).length] as const,
  );
  const some = counts.filter(([, n]) => n > 0).map(([phase, n]) => `${n} ${phase}`);
  return some.join(', ') || 'none';
}
