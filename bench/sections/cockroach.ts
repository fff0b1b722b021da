import { migrate } from '../../src/index.ts';
import { startCockroach } from '../support/cockroach.ts';
import { type Figure, figure } from '../support/measure.ts';
import { holdfastQueue } from './queue-holdfast.ts';

/** Claim and finish on CockroachDB, one by one, in jobs a second. */
export interface CockroachFigures {
  readonly version: string;
  readonly store: string;
  readonly rates: readonly { readonly clients: number; readonly rate: Figure }[];
}

const BACKLOG = 2_000;

/** Only where there is one. */
export async function cockroach(runs: number, quick: boolean): Promise<CockroachFigures | undefined> {
  await using server = await startCockroach();
  if (!server) return undefined;
  await migrate(server.url, { sets: ['holdfast'] });
  const queue = await holdfastQueue('claim and finish')(server.url, 1);
  const jobs = quick ? 60 : 300;
  await queue.fill(BACKLOG);
  await queue.run(30, 8);
  const samples = new Map<number, number[]>([1, 8, 24].map((clients) => [clients, []]));
  for (let run = 0; run < Math.min(runs, 5); run++)
    for (const [clients, rates] of samples) {
      await queue.fill(BACKLOG + jobs);
      rates.push(await queue.run(jobs, clients));
    }
  await queue.close();
  const rates = [...samples].map(([clients, values]) => ({ clients, rate: figure(values) }));
  return { version: server.version, store: server.store, rates };
}
