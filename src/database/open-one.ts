import { parseUrl } from './connection-url.ts';
import type { DriverConnection } from './driver.ts';
import { pgDriver } from './drivers/pg.ts';
import { Pool } from './pool.ts';

const CONNECT_WITHIN_MS = 10_000;

/** One connection of its own by URL; hosts, TLS and failures are dealt with as in a pool. Throws MisuseError, ConnectError. */
export async function openOne(url: string, applicationName: string): Promise<DriverConnection> {
  const address = parseUrl(url);
  const pool = new Pool(pgDriver, address, {
    max: 1,
    acquireTimeoutMs: 30_000,
    idleTimeoutMs: 60_000,
    connectTimeoutMs: address.connectTimeoutMs ?? CONNECT_WITHIN_MS,
    applicationName,
  });
  return pool.acquire();
}
