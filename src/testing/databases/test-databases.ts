import { randomBytes } from 'node:crypto';
import { openOne, withDatabase } from '../../database/index.ts';
import { migrate } from '../../migrate/index.ts';

export interface TestDatabasesOptions {
  /** A server that databases can be made on; default: an embedded PostgreSQL, thrown away at the end. */
  readonly url?: string | undefined;
  /** Names of shipped migrations (`holdfast`) or folders of your own, in order. Default `holdfast`. */
  readonly sets?: readonly string[] | undefined;
  /** Anything else that every database begins with. Runs once where the engine can clone. */
  readonly prepare?: ((url: string) => Promise<void>) | undefined;
}

/** A migrated database of one test. `await using` drops it. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
}

/** Where the databases of a test run come from. `await using` drops what is left and stops the server. */
export interface TestDatabases extends AsyncDisposable {
  /** PostgreSQL clones a template, in some tens of milliseconds; CockroachDB migrates each anew. */
  create(): Promise<TestDatabase>;
}

/** Makes a database for each test: no test sees another's rows, and none needs cleaning up. */
export async function testDatabases(options: TestDatabasesOptions = {}): Promise<TestDatabases> {
  const server = options.url === undefined ? await embedded() : { url: options.url, stop: async () => {} };
  const prefix = `test_${randomBytes(5).toString('hex')}`;
  const admin = await openOne(server.url, 'holdfast-testing');
  const names = new Set<string>();
  const make = async (name: string, from: string) => {
    await admin.sendSimple(`CREATE DATABASE ${name}${from}`);
    names.add(name);
  };
  const drop = async (name: string) => {
    if (!names.delete(name)) return;
    await admin.sendSimple(`DROP DATABASE IF EXISTS ${name} ${cockroach ? 'CASCADE' : 'WITH (FORCE)'}`);
  };
  const fill = async (url: string) => {
    await migrate(url, { sets: options.sets ?? ['holdfast'] });
    await options.prepare?.(url);
  };
  const end = async () => {
    for (const name of [...names]) await drop(name);
    await admin.close();
    await server.stop();
  };
  const { rows } = await admin.sendSimple('SELECT version()');
  const cockroach = rows[0]?.[0]?.includes('CockroachDB') ?? false;
  const template = `${prefix}_template`;
  if (!cockroach) {
    try {
      await make(template, '');
      await fill(withDatabase(server.url, template));
    } catch (error) {
      await end();
      throw error;
    }
  }
  // A template can be cloned once at a time.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    create: async () => {
      const name = `${prefix}_${randomBytes(5).toString('hex')}`;
      const url = withDatabase(server.url, name);
      const made = turn.then(() => make(name, cockroach ? '' : ` TEMPLATE ${template}`));
      turn = made.catch(() => {});
      await made;
      if (cockroach) await fill(url);
      return { url, name, [Symbol.asyncDispose]: () => drop(name) };
    },
    [Symbol.asyncDispose]: end,
  };
}

async function embedded(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { startEmbedded } = await import('../../database/embedded/index.ts');
  return startEmbedded();
}
