import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded } from '../../src/database/embedded/index.ts';
import { migrate } from '../../src/index.ts';

/** The embedded PostgreSQL with a folder of its own: durable, so fsync is on. */
export interface BenchServer extends AsyncDisposable {
  readonly version: string;
  /** URL of a database that is always there. */
  readonly adminUrl: string;
  /** A new database, READ COMMITTED by default as the packages beside expect; `ours` is migrated. */
  database(name: string, options?: { ours?: boolean }): Promise<string>;
  /** Runs statements on a database with a connection of its own. */
  run(url: string, ...texts: readonly string[]): Promise<pg.QueryResult>;
  /** Bytes of write-ahead log so far, of the whole server. */
  walPosition(url: string): Promise<number>;
}

export async function startServer(): Promise<BenchServer> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const server = await startEmbedded({ dir });
  const run = async (url: string, ...texts: readonly string[]) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      let result: pg.QueryResult | undefined;
      for (const text of texts) result = await client.query(text);
      return result!;
    } finally {
      await client.end();
    }
  };
  const { rows } = await run(server.url, 'SHOW server_version');
  return {
    version: `PostgreSQL ${String(rows[0].server_version).split(' ')[0]}`,
    adminUrl: server.url,
    run,
    async walPosition(url) {
      const { rows } = await run(url, "SELECT pg_current_wal_insert_lsn() - '0/0'::PG_LSN AS bytes");
      return Number(rows[0].bytes);
    },
    async database(name, { ours = false } = {}) {
      await run(
        server.url,
        `CREATE DATABASE ${name}`,
        `ALTER DATABASE ${name} SET default_transaction_isolation = 'read committed'`,
      );
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      if (ours) await migrate(url.href, { sets: ['holdfast'] });
      return url.href;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What it ran on. */
export function machine() {
  return {
    cores: cpus().length,
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}
