import { platform } from 'node:process';
import { type Figure, figure } from '../support/measure.ts';
import { processorUsBelow } from '../support/processors.ts';
import type { BenchServer } from '../support/server.ts';
import { BATCH, systems } from './queues.ts';

/** What one job costs, beside time: does not depend on what else the machine does, or hardly. */
export interface JobCost {
  readonly system: string;
  readonly batch: number;
  /** Write-ahead log, full page images included. */
  readonly walBytes: Figure;
  /** Processor time, user and system, in microseconds; where the system tells it. */
  readonly clientUs?: Figure;
  readonly serverUs?: Figure;
}

const WORKERS = 8;
const BACKLOG = 10_000;

/** WAL and component time a job, with eight workers and ten thousand waiting. */
export async function costs(server: BenchServer, runs: number, quick: boolean): Promise<JobCost[]> {
  const found: JobCost[] = [];
  for (const batch of [1, BATCH])
    for (const [i, [name, openQueue, batches]] of systems.entries()) {
      if (!batches.includes(batch)) continue;
      const url = await server.database(`cost_${i}_${batch}`, { ours: true });
      const system = await openQueue(url, batch);
      const jobs = (quick ? 500 : 2_000) * (batch === 1 ? 1 : 10);
      await system.fill(BACKLOG + jobs);
      await system.run(Math.min(jobs, 500 * batch), WORKERS);
      const samples: Record<'wal' | 'client' | 'server', number[]> = { wal: [], client: [], server: [] };
      for (let run = 0; run < Math.min(runs, 3); run++) {
        await system.fill(BACKLOG + jobs + WORKERS * batch);
        const lsn = await server.walPosition(url);
        const client = process.cpuUsage();
        const before = processorUsBelow();
        await system.run(jobs, WORKERS);
        const { user, system: kernel } = process.cpuUsage(client);
        samples.server.push((processorUsBelow() - before) / jobs);
        samples.client.push((user + kernel) / jobs);
        samples.wal.push(((await server.walPosition(url)) - lsn) / jobs);
      }
      await system.close();
      found.push({
        system: name,
        batch,
        walBytes: figure(samples.wal),
        ...(platform === 'linux'
          ? { clientUs: figure(samples.client), serverUs: figure(samples.server) }
          : {}),
      });
    }
  return found;
}
