import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { withAdmin } from './admin.ts';
import { readCloneScript } from './clone.ts';
import { migrateForTests } from './migrate-for-tests.ts';
import { startCockroachdb } from './servers/cockroachdb.ts';
import { startPostgresql } from './servers/postgresql.ts';
import type { TestServer } from './servers/test-server.ts';
import { urlOf } from './url-of.ts';

/** What every test process is told about the server of the run. */
export interface TestRun {
  readonly engine: 'postgresql' | 'cockroachdb';
  readonly url: string;
  /** Every database of this run has a name that begins so. */
  readonly prefix: string;
  /** A migrated database to clone. */
  readonly template: string;
  /** How to clone it where the engine cannot. */
  readonly cloneScript?: string | undefined;
}

declare module 'vitest' {
  interface ProvidedContext {
    holdfast: TestRun;
  }
}

/** Prepares the server of the run. What prevents that is told before anything that vitest says of it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    return await prepare(project);
  } catch (error) {
    console.error(`\nNo test has run: the test server could not be prepared.\n${(error as Error).message}\n`);
    throw error;
  }
}

/** Starts one server, migrates the template, and takes all of it away at the end. */
async function prepare(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env['HOLDFAST_TEST_ENGINE'] || 'postgresql';
  if (wanted !== 'postgresql' && wanted !== 'cockroachdb') {
    throw new Error(`HOLDFAST_TEST_ENGINE is "${wanted}": it can be postgresql or cockroachdb`);
  }
  const server = wanted === 'cockroachdb' ? await startCockroachdb() : await startPostgresql();
  const prefix = `holdfast_test_${randomBytes(4).toString('hex')}`;
  const stop = async () => {
    if (server.given) await dropAll(server, prefix);
    await server.stop();
  };
  try {
    const template = `${prefix}_template`;
    await withAdmin(server.url, (client) => client.query(`CREATE DATABASE ${template}`));
    await migrateForTests(urlOf(server.url, template));
    const cloneScript =
      server.engine === 'cockroachdb' ? await readCloneScript(server.url, template) : undefined;
    if (cloneScript === undefined) {
      await withAdmin(server.url, (client) =>
        client.query(`ALTER DATABASE ${template} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true`),
      );
    }
    project.provide('holdfast', { engine: server.engine, url: server.url, prefix, template, cloneScript });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** A server that was given to us goes on: leave nothing in it. */
async function dropAll({ url, engine }: TestServer, prefix: string): Promise<void> {
  await withAdmin(url, async (client) => {
    const { rows } = await client.query<{ datname: string }>('SELECT datname FROM pg_database');
    for (const { datname } of rows) {
      if (!datname.startsWith(prefix)) continue;
      if (engine === 'postgresql') await client.query(`ALTER DATABASE ${datname} IS_TEMPLATE false`);
      const how = engine === 'postgresql' ? 'WITH (FORCE)' : 'CASCADE';
      await client.query(`DROP DATABASE ${datname} ${how}`);
    }
  });
}
