import { startFaultProxy } from '../../src/testing/index.ts';
import { type Figure, figure } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';
import { graphileQueue } from './queue-graphile-worker.ts';
import { holdfastQueue } from './queue-holdfast.ts';
import { pgBossQueue } from './queue-pg-boss.ts';
import type { OpenQueue, QueueSystem } from './queue-system.ts';

export interface QueueFigures {
  readonly system: string;
  /** Jobs a claim. */
  readonly batch: number;
  readonly backlog: number;
  readonly workers: number;
  /** Jobs a second. */
  readonly rate: Figure;
  /** Milliseconds a claim, median of each run. */
  readonly claimMs?: Figure;
}

export interface StatementCount {
  readonly system: string;
  readonly batch: number;
  readonly statementsPerJob: number;
  readonly roundTripsPerJob: number;
}

export const BATCH = 100;

export const systems: readonly (readonly [string, OpenQueue, readonly number[]])[] = [
  ['holdfast', holdfastQueue('claim and finish'), [1, BATCH]],
  ['holdfast, fused', holdfastQueue('fused'), [1, BATCH]],
  ['holdfast, shared', holdfastQueue('shared'), [1]],
  ['holdfast on postgres.js', holdfastQueue('claim and finish', 'postgres'), [1]],
  ['graphile-worker', graphileQueue, [1, BATCH]],
  ['pg-boss', pgBossQueue, [1, BATCH]],
];

/** Enough for a second or so. */
const jobsOf = (batch: number, workers: number, quick: boolean) => {
  if (quick) return batch === 1 ? 200 : 2_000;
  return batch === 1 ? (workers === 1 ? 800 : 1_500) : 12_000;
};

/** Every system, batch, backlog and number of workers; the systems take turns within each. */
export async function queues(server: BenchServer, runs: number, quick: boolean): Promise<QueueFigures[]> {
  const found: QueueFigures[] = [];
  for (const batch of [1, BATCH])
    for (const backlog of quick ? [1_000, 10_000] : [1_000, 10_000, 100_000]) {
      const open: [string, QueueSystem][] = [];
      for (const [i, [name, openQueue, batches]] of systems.entries())
        if (batches.includes(batch))
          open.push([
            name,
            await openQueue(await server.database(`queue_${i}_${batch}_${backlog}`, { ours: true }), batch),
          ]);
      try {
        // Connections, plans and caches are warm when the clock starts.
        for (const [, system] of open) {
          await system.fill(backlog + 100 * batch);
          await system.run(50 * batch, 24);
        }
        for (const workers of [1, 8, 24]) {
          const jobs = jobsOf(batch, workers, quick);
          const samples = new Map<string, { rates: number[]; claims: number[] }>();
          for (let run = 0; run < runs; run++)
            for (let i = 0; i < open.length; i++) {
              const [name, system] = open[(i + run) % open.length]!;
              const sample = samples.get(name) ?? { rates: [], claims: [] };
              samples.set(name, sample);
              // Never runs dry: what is done is on top of the backlog.
              await system.fill(backlog + jobs + workers * batch);
              system.claimTimes?.();
              sample.rates.push(await system.run(jobs, workers));
              const claims = system.claimTimes?.() ?? [];
              if (claims.length > 0) sample.claims.push(figure(claims).median);
            }
          for (const [system, { rates, claims }] of samples) {
            const rate = figure(rates);
            found.push({
              system,
              batch,
              backlog,
              workers,
              rate,
              ...(claims.length > 0 ? { claimMs: figure(claims) } : {}),
            });
            console.log(
              `  ${system}, batch ${batch}, backlog ${backlog}, ${workers} workers: ${rate.median}/s`,
            );
          }
        }
      } finally {
        for (const [, system] of open) await system.close();
      }
    }
  return found;
}

/** Statements and round trips a job with one worker, counted on the wire. */
export async function statementCounts(server: BenchServer): Promise<StatementCount[]> {
  const found: StatementCount[] = [];
  for (const [i, [name, openQueue, batches]] of systems.entries())
    for (const batch of batches) {
      const url = new URL(await server.database(`count_${i}_${batch}`, { ours: true }));
      url.searchParams.set('sslmode', 'disable');
      await using proxy = await startFaultProxy({ url: url.href });
      const system = await openQueue(proxy.url, batch);
      await system.fill(Math.max(5_000, 200 * batch));
      await system.run(batch, 1);
      await system.fill(Math.max(5_000, 200 * batch));
      const jobs = 100 * batch;
      const counted = await proxy.measure(() => system.run(jobs, 1));
      await system.close();
      found.push({
        system: name,
        batch,
        statementsPerJob: Number((counted.statements / jobs).toPrecision(3)),
        roundTripsPerJob: Number((counted.roundTrips / jobs).toPrecision(3)),
      });
    }
  return found;
}
