import { setTimeout as sleep } from 'node:timers/promises';
import { startFaultProxy } from '../../src/testing/index.ts';
import { ask, startChild, stopChild } from '../support/child.ts';
import { type Figure, figure } from '../support/measure.ts';
import { processorUsBelow } from '../support/processors.ts';
import type { BenchServer } from '../support/server.ts';
import type { Runner } from './runner.ts';
import { STEPS, type StepSystem, systems } from './systems.ts';

export interface StepFigures {
  readonly system: string;
  readonly workers: number;
  /** Durable steps a second. */
  readonly rate: Figure;
  /** Of the system's own floor that took turns with it, the one-row insert; by run. */
  readonly ofFloor: Figure;
  /** A step, whole page images included. */
  readonly walBytes: Figure;
  /** Processor time a step in microseconds; where the system tells it. */
  readonly serverUs?: Figure;
  readonly clientUs?: Figure;
}

export interface StepCounts {
  readonly system: string;
  readonly statements: number;
  readonly roundTrips: number;
}

interface Store {
  readonly system: StepSystem;
  readonly url: string;
  readonly steps: () => Promise<number>;
}

async function openStore(server: BenchServer, system: StepSystem, at: number): Promise<Store> {
  const url = await server.database(`steps_${at}`, { ours: system.name === 'holdfast' });
  const steps = async () => Number((await server.run(url, system.steps)).rows[0].n);
  return { system, url, steps };
}

const start = ({ system }: Store, url: string, workers: number, backlog: number) => {
  const runner: Runner = { system: system.name, url, workers, backlog };
  return startChild(new URL('./runner.ts', import.meta.url), runner);
};

/** Steps that are there to be done: more than the fastest system does in the time. */
const backlogOf = (workers: number, seconds: number) =>
  Math.ceil(((workers === 1 ? 2_000 : 6_000) * (seconds + 2)) / STEPS);

async function measureOnce(server: BenchServer, store: Store, workers: number, seconds: number) {
  const backlog = backlogOf(workers, seconds);
  const child = await start(store, store.url, workers, backlog);
  try {
    await sleep(1_000);
    const look = async () => ({
      at: performance.now(),
      steps: await store.steps(),
      wal: await server.walPosition(store.url),
      server: processorUsBelow([child.pid!]),
      client: await ask<number>(child, 'cpu'),
    });
    const before = await look();
    await sleep(seconds * 1_000);
    const after = await look();
    const steps = after.steps - before.steps;
    if (after.steps > backlog * STEPS - 500 && ['holdfast', 'OpenWorkflow'].includes(store.system.name))
      throw new Error(`${store.system.name}: its backlog of ${backlog} ran dry`);
    if (steps === 0) throw new Error(`${store.system.name} did no step in ${seconds} s`);
    return {
      rate: (steps * 1_000) / (after.at - before.at),
      wal: (after.wal - before.wal) / steps,
      server: (after.server - before.server) / steps,
      client: (after.client - before.client) / steps,
    };
  } finally {
    await stopChild(child);
    await server.run(store.url, store.system.clear, 'VACUUM', 'CHECKPOINT');
  }
}

/** Durable steps of every system with one worker and with eight; the systems take turns. */
export async function workflows(server: BenchServer, runs: number, quick: boolean): Promise<StepFigures[]> {
  const seconds = quick ? 2 : 5;
  const stores = await Promise.all(systems.map((system, at) => openStore(server, system, at)));
  const found: StepFigures[] = [];
  for (const workers of [1, 8]) {
    const samples = stores.map((): Awaited<ReturnType<typeof measureOnce>>[] => []);
    for (let run = 0; run < runs; run++)
      for (let i = 0; i < stores.length; i++) {
        const at = (i + run) % stores.length;
        samples[at]!.push(await measureOnce(server, stores[at]!, workers, seconds));
      }
    for (const [at, { system }] of stores.entries()) {
      const own = samples[at]!;
      const of = (key: 'rate' | 'wal' | 'server' | 'client') => figure(own.map((one) => one[key]));
      const rate = of('rate');
      found.push({
        system: system.name,
        workers,
        rate,
        ofFloor: figure(own.map((one, run) => one.rate / samples[0]![run]!.rate)),
        walBytes: of('wal'),
        ...(own[0]!.server > 0 ? { serverUs: of('server'), clientUs: of('client') } : {}),
      });
      console.log(
        `  ${system.name}, ${workers} workers: ${rate.median}/s, ${of('wal').median} bytes of WAL, ${of('server').median} us server, ${of('client').median} us client`,
      );
    }
  }
  return found;
}

/** Statements and round trips a step with one worker, counted on the wire, with all that a workflow has besides. */
export async function stepCounts(server: BenchServer): Promise<StepCounts[]> {
  const found: StepCounts[] = [];
  for (const [at, system] of systems.entries()) {
    const store = await openStore(server, system, 100 + at);
    const direct = new URL(store.url);
    direct.searchParams.set('sslmode', 'disable');
    await using proxy = await startFaultProxy({ url: direct.href });
    const child = await start(store, proxy.url, 1, 200);
    try {
      await sleep(1_000);
      const before = await store.steps();
      let steps = 0;
      const { statements, roundTrips } = await proxy.measure(async () => {
        // So many that what is under way at the ends hardly counts.
        while (steps < 200) {
          await sleep(500);
          steps = (await store.steps()) - before;
        }
      });
      found.push({
        system: system.name,
        statements: Number((statements / steps).toPrecision(3)),
        roundTrips: Number((roundTrips / steps).toPrecision(3)),
      });
      console.log(
        `  ${system.name}: ${statements / steps} statements, ${roundTrips / steps} round trips a step`,
      );
    } finally {
      await stopChild(child);
    }
  }
  return found;
}
