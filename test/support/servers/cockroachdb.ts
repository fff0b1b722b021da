import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { waitFor } from '../wait-for.ts';
import { findCockroach, spawnCockroach } from './cockroach-process.ts';
import type { TestServer } from './test-server.ts';

const defaultImage = 'cockroachdb/cockroach:v22.1.22';

/** COCKROACH_URL, or a cockroach binary on PATH, or a container; none of the three is an error. */
export async function startCockroachdb(): Promise<TestServer> {
  const url = process.env['COCKROACH_URL'];
  if (url) return { engine: 'cockroachdb', url, given: true, stop: async () => {} };
  const binary = await findCockroach();
  const server = binary === undefined ? await startContainer() : await startBinary(binary);
  await tuneForTests(server.url);
  return server;
}

/** In memory, on loopback, with nothing sent outside; ends with this process, however that ends. */
async function startBinary(binary: string): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-cockroach-'));
  const urlFile = join(dir, 'url');
  const server = await spawnCockroach(
    binary,
    [
      'start-single-node',
      '--insecure',
      '--store=type=mem,size=1GiB',
      '--listen-addr=127.0.0.1:0',
      '--http-addr=127.0.0.1:0',
      `--listening-url-file=${urlFile}`,
      `--log-dir=${join(dir, 'logs')}`,
    ],
    dir,
  );
  const stop = async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const url = await waitFor(async () => (await readFile(urlFile, 'utf8').catch(() => '')).trim(), {
      timeoutMs: 60_000,
      what: `${binary} to listen`,
    });
    return { engine: 'cockroachdb', url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startContainer(): Promise<TestServer> {
  const image = process.env['HOLDFAST_COCKROACH_IMAGE'] || defaultImage;
  try {
    const { CockroachDbContainer } = await import('@testcontainers/cockroachdb');
    const container = await new CockroachDbContainer(image)
      .withDatabase('defaultdb')
      .withUsername('root')
      .withEnvironment({
        COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING: 'true',
        COCKROACH_CRASH_REPORTS: '',
      })
      .start();
    return {
      engine: 'cockroachdb',
      url: container.getConnectionUri(),
      stop: async () => {
        await container.stop();
      },
    };
  } catch (cause) {
    throw new Error(
      'no CockroachDB to test on: set COCKROACH_URL, put a cockroach binary on PATH, or start a container ' +
        `engine for ${image} (${cause instanceof Error ? cause.message : cause})`,
      { cause },
    );
  }
}

/** Settings for a server that sees many short-lived databases. */
async function tuneForTests(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const setting of [
      "kv.range_merge.queue_interval = '50ms'",
      "jobs.registry.interval.gc = '30s'",
      // Longer than a schema change takes that somebody still waits for.
      "jobs.retention_time = '5m'",
      'sql.stats.automatic_collection.enabled = false',
    ]) {
      await client.query(`SET CLUSTER SETTING ${setting}`);
    }
  } finally {
    await client.end();
  }
}
