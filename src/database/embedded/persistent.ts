import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ConnectError } from '../../base/index.ts';
import { temporaryRoot } from './account.ts';
import { findBinaries } from './binaries.ts';
import { runnableBinaries } from './binary-cache.ts';
import { embeddedDatabase, embeddedUser } from './cluster.ts';
import { ensureCluster, openClusterFolder, readPassword } from './cluster-folder.ts';
import { startGuard } from './guard.ts';
import { freePlace, type Place, portWasTaken } from './port.ts';
import { isAlive, readPostmasterFile, removeStaleLock } from './postmaster.ts';
import { type Running, whenReady } from './running.ts';
import { serverSettings } from './settings.ts';

const startTimeoutMs = 60_000;
const pollIntervalMs = 50;

/**
 * Starts a durable server on a folder, or joins the one that runs there. Of several processes that start at
 * once one wins, by PostgreSQL's own lock file, and the others join it. The server ends with the process
 * that started it.
 */
export async function startPersistent(
  path: string,
  settings: Readonly<Record<string, string>>,
): Promise<Running> {
  const folder = await openClusterFolder(resolve(path));
  const { dir, data, account, dataArgument } = folder;
  const binaries = await runnableBinaries(await findBinaries(), account, await temporaryRoot(account));
  await ensureCluster(folder, binaries);
  const password = await readPassword(folder);
  let lastWords = 'a server holds the folder and takes no connections';
  for (const giveUpAt = performance.now() + startTimeoutMs; performance.now() < giveUpAt; ) {
    const found = await readPostmasterFile(data);
    if (found?.ready === true && isAlive(found.processId)) {
      const place = { host: found.host, port: found.port };
      if (await answers(place, password)) return { dir, data, ...place, password, stop: async () => {} };
    }
    await removeStaleLock(data);
    const log = `postgres-${randomBytes(4).toString('hex')}.log`;
    const place = await freePlace();
    const guard = startGuard({
      account,
      cwd: dir,
      data: 'data',
      dataArgument,
      log,
      serve: { program: binaries.postgres, settings: { ...serverSettings(place, true), ...settings } },
      stop: 'fast',
    });
    const outcome = await whenReady(guard, data, place.port);
    if (outcome.ready) {
      await rename(join(dir, log), join(dir, 'postgres.log'));
      return { dir, data, ...place, password, stop: () => guard.stop() };
    }
    lastWords = outcome.output;
    if (!folderWasTaken(lastWords) && !portWasTaken(lastWords)) break;
    await delay(pollIntervalMs);
  }
  throw new ConnectError('unavailable', `the embedded PostgreSQL in ${dir} did not start: ${lastWords}`);
}

/** Another server has the folder, or the processes of a killed one have not all ended yet. */
function folderWasTaken(output: string): boolean {
  return /lock file .* already exists|is empty|pre-existing shared memory block/.test(output);
}

async function answers({ host, port }: Place, password: string): Promise<boolean> {
  const client = new pg.Client({
    host,
    port,
    user: embeddedUser,
    password,
    database: embeddedDatabase,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
