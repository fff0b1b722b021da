import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { withAdmin } from './admin.ts';
import { runCloneScript } from './clone.ts';
import { urlOf } from './url-of.ts';

export { seededRandom } from './seed.ts';
export { waitFor } from './wait-for.ts';

/** Both drivers, for describe.each: what depends on the driver holds on each. */
export const DRIVERS = ['pg', 'postgres'] as const;

/**
 * For suites that do not depend on the driver: the one that HOLDFAST_TEST_DRIVER names (`pg` when it names none), or with
 * `all` both.
 */
export const SUITE_DRIVERS: readonly (typeof DRIVERS)[number][] =
  process.env['HOLDFAST_TEST_DRIVER'] === 'all'
    ? DRIVERS
    : [process.env['HOLDFAST_TEST_DRIVER'] === 'postgres' ? 'postgres' : 'pg'];

/** A database of one test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  readonly engine: 'postgresql' | 'cockroachdb';
  /** Optional: what a file leaves goes with the run. */
  drop(): Promise<void>;
}

/** The engine of this run. */
export function testEngine(): 'postgresql' | 'cockroachdb' {
  return inject('holdfast').engine;
}

/** A fresh, migrated database: a clone of the run's template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { template, cloneScript } = inject('holdfast');
  if (cloneScript === undefined) return create(`TEMPLATE ${template} STRATEGY FILE_COPY`);
  const database = await create('');
  await runCloneScript(database.url, template, cloneScript);
  return database;
}

/** A fresh database without any of our schemas. */
export async function createEmptyTestDatabase(): Promise<TestDatabase> {
  return create('');
}

async function create(options: string): Promise<TestDatabase> {
  const { url: serverUrl, engine, prefix } = inject('holdfast');
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await withAdmin(serverUrl, (client) => client.query(`CREATE DATABASE ${name} ${options}`));
  const drop = async () => {
    const how = engine === 'cockroachdb' ? 'CASCADE' : 'WITH (FORCE)';
    await withAdmin(serverUrl, (client) => client.query(`DROP DATABASE IF EXISTS ${name} ${how}`));
  };
  return { url: urlOf(serverUrl, name), name, engine, drop, [Symbol.asyncDispose]: drop };
}
