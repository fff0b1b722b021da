import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { startCockroachdb } from '../../test/support/servers/cockroachdb.ts';

export interface BenchCockroach extends AsyncDisposable {
  readonly version: string;
  readonly store: string;
  /** URL of a database that was made anew. */
  readonly url: string;
}

/** Only where there is one: COCKROACH_URL, or `cockroach` on PATH. */
export async function startCockroach(): Promise<BenchCockroach | undefined> {
  const given = process.env['COCKROACH_URL'];
  if (!given && !isOnPath('cockroach')) return undefined;
  const server = await startCockroachdb();
  try {
    const url = new URL(server.url);
    url.pathname = '/holdfast_bench';
    return {
      version: await prepare(server.url),
      store: given ? 'as it was given' : 'in memory, one node',
      url: url.href,
      [Symbol.asyncDispose]: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    throw error;
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
