import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../../src/cli/support/usage-error.ts';
import { startEmbedded } from '../../../src/database/embedded/index.ts';
import { connect, migrate } from '../../../src/index.ts';
import { withAdmin } from '../../support/admin.ts';
import { CockroachCluster } from '../../support/servers/cockroach-cluster.ts';
import { findCockroach, NO_BINARY } from '../../support/servers/cockroach-process.ts';
import { startCockroachdb } from '../../support/servers/cockroachdb.ts';
import { startPostgresql } from '../../support/servers/postgresql.ts';
import { urlOf } from '../../support/url-of.ts';
import { crashBackend } from './faults.ts';

export const ENGINES = ['postgres', 'cockroach', 'cluster'] as const;

/** A migrated database for one run. */
export interface ChaosServer extends AsyncDisposable {
  readonly url: string;
  readonly workerUrl?: string;
  readonly crash?: () => Promise<void>;
  readonly cluster?: CockroachCluster;
}

/** PostgreSQL of POSTGRES_URL, or one of its own in a folder, so that it can be crashed; or CockroachDB, one node or three. */
export async function startServer(engine: (typeof ENGINES)[number], seed: number): Promise<ChaosServer> {
  if (engine === 'cluster') return startCluster();
  if (engine === 'postgres' && !process.env['POSTGRES_URL']) return startOwn();
  const server = await (engine === 'postgres' ? startPostgresql() : startCockroachdb());
  const name = `holdfast_chaos_${seed}_${process.pid}`;
  const drop = engine === 'postgres' ? 'WITH (FORCE)' : 'CASCADE';
  const stop = async () => {
    if (server.given)
      await withAdmin(server.url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} ${drop}`));
    await server.stop();
  };
  try {
    await withAdmin(server.url, (client) => client.query(`CREATE DATABASE ${name}`));
    const url = urlOf(server.url, name);
    await migrate(url);
    return { url, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOwn(): Promise<ChaosServer> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'));
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    const server = await startEmbedded({ dir });
    await migrate(server.url);
    return {
      url: server.url,
      crash: async () => {
        await using victim = await connect({ url: server.url, pool: { max: 1 } });
        await crashBackend(victim);
      },
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function startCluster(): Promise<ChaosServer> {
  const binary = await findCockroach();
  if (binary === undefined) throw new UsageError(NO_BINARY);
  const cluster = await CockroachCluster.start(binary);
  try {
    await withAdmin(cluster.url, (client) => client.query('CREATE DATABASE chaos'));
    const url = urlOf(cluster.url, 'chaos');
    await migrate(url);
    await cluster.whole();
    const { url: workerUrl } = await cluster.open();
    return {
      url,
      workerUrl: urlOf(workerUrl, 'chaos'),
      cluster,
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}
