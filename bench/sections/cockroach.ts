import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/index.ts';
import { startCockroachdb } from '../../test/support/servers/cockroachdb.ts';
import { type Figure, figure } from '../support/measure.ts';
import { holdfastQueue } from './queue-holdfast.ts';

/** Claim and finish on CockroachDB, one by one, in jobs a second. */
export interface CockroachFigures {
  readonly version: string;
  readonly store: string;
  readonly rates: readonly { readonly clients: number; readonly rate: Figure }[];
}

const BACKLOG = 2_000;

/** Only where there is one: COCKROACH_URL, or `cockroach` on PATH. */
export async function cockroach(runs: number, quick: boolean): Promise<CockroachFigures | undefined> {
  const given = process.env['COCKROACH_URL'];
  if (!given && !isOnPath('cockroach')) return undefined;
  const server = await startCockroachdb();
  try {
    const version = await prepare(server.url);
    const url = new URL(server.url);
    url.pathname = '/holdfast_bench';
    await migrate(url.href, { sets: ['holdfast'] });
    const queue = await holdfastQueue('claim and finish')(url.href, 1);
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
    return { version, store: given ? 'as it was given' : 'in memory, one node', rates };
  } finally {
    await server.stop();
  }
}

async function prepare(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('DROP DATABASE IF EXISTS holdfast_bench CASCADE');
    await client.query('CREATE DATABASE holdfast_bench');
    const { rows } = await client.query('SELECT version() AS version');
    return String(rows[0].version).split(' ').slice(0, 3).join(' ');
  } finally {
    await client.end();
  }
}

function isOnPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return dir !== '';
    } catch {
      return false;
    }
  });
}
