import { engineOf, Pool, parseUrl, pgDriver } from '../database/index.ts';
import type { MigrationConnection, MigrationTarget } from './connection.ts';

/** Connections by URL. Each is a pool of one, so that hosts, TLS and failures are dealt with as elsewhere. */
export function urlTarget(url: string): MigrationTarget {
  return { open: () => open(url) };
}

async function open(url: string): Promise<MigrationConnection> {
  const pool = new Pool(pgDriver, parseUrl(url), {
    max: 1,
    acquireTimeoutMs: 30_000,
    idleTimeoutMs: 60_000,
    connectTimeoutMs: 10_000,
    applicationName: 'holdfast migrate',
  });
  const connection = await pool.acquire();
  const close = async () => {
    // Whatever state it is in, nobody uses it after us.
    await connection.close();
    pool.discard(connection);
    await pool.close();
  };
  try {
    const { rows } = await connection.sendSimple('SELECT version()');
    return {
      engine: engineOf(rows[0]?.[0] ?? '').system,
      execute: (statement) => connection.send(statement, { prepare: false }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
