import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, migrate } from '../../src/index.ts';
import {
  createEmptyTestDatabase,
  createTestDatabase,
  DRIVERS,
  type TestDatabase,
  testEngine,
} from '../support/database.ts';
import { findPgbouncers, startPgbouncer } from '../support/pgbouncer.ts';
import { rows } from '../support/sql.ts';

const poolers = testEngine() === 'cockroachdb' ? [] : findPgbouncers();
for (const [what, followsPrepared] of [
  ['before 1.21 (Debian 12: the package pgbouncer)', false],
  ['from 1.21, which follows prepared statements (its path in HOLDFAST_PGBOUNCER)', true],
] as const)
  if (testEngine() === 'postgresql' && !poolers.some((pooler) => pooler.followsPrepared === followsPrepared))
    console.warn(`left out: tests behind a PgBouncer ${what}: there is none here`);

const EVERY = poolers.flatMap((pooler) => DRIVERS.map((driver) => ({ pooler, driver, ...pooler })));
const MANY = Array.from({ length: 40 }, (_, id) => id);

if (EVERY.length === 0) test.skip('behind PgBouncer: there is none for this engine here', () => {});
describe.runIf(EVERY.length > 0).each(EVERY)(
  'behind PgBouncer $version in transaction mode, on $driver',
  ({ pooler, driver, followsPrepared }) => {
    let database: TestDatabase;
    let server: Awaited<ReturnType<typeof startPgbouncer>>;
    let db: Database;
    let direct: Database;
    beforeAll(async () => {
      database = await createTestDatabase();
      direct = await connect({ url: database.url, driver });
      server = await startPgbouncer(pooler, database.url);
      db = await connect({ url: server.url, driver });
      await rows(db, 'CREATE TABLE note (note_id INT8 PRIMARY KEY, body TEXT NOT NULL)');
    });
    afterAll(async () => {
      await db?.close();
      await direct?.close();
      await server?.[Symbol.asyncDispose]();
      await database?.drop();
    });

    /** Statements, transactions and sessions, more at once than there are server connections. */
    const work = async (on: Database) => {
      await rows(on, 'DELETE FROM note');
      await using session = await on.startSession({ component: 'pooled', intervalMs: 60_000 });
      const added = await Promise.all(
        MANY.map((id) =>
          session.transact(async (tx) => {
            await rows(tx, 'INSERT INTO note VALUES ($1, $2)', String(id), 'a');
            return rows(tx, 'SELECT body FROM note WHERE note_id = $1', String(id));
          }),
        ),
      );
      expect(added.flat()).toEqual(MANY.map(() => ['a']));
      const count = 'SELECT count(*) FROM note WHERE note_id < $1';
      const counted = await Promise.all(MANY.map(() => rows(on, count, '40')));
      expect(new Set(counted.flat().flat())).toEqual(new Set(['40']));
    };
    const prepared = async () =>
      Number((await rows(db, 'SELECT count(*) FROM pg_prepared_statements')).flat()[0]);

    test('without an option everything works on whichever server connection it gets, and nothing is prepared', async () => {
      await work(db);
      expect(await prepared()).toBe(0);
      const said = server.url.includes('?') ? '&' : '?';
      await using byUrl = await connect({ url: `${server.url}${said}pgbouncer=true`, driver });
      await rows(byUrl, 'SELECT 1');
    });

    test('a database is migrated through it', async () => {
      const empty = await createEmptyTestDatabase();
      await using another = await startPgbouncer(pooler, empty.url);
      expect((await migrate(another.url)).length).toBeGreaterThan(0);
      await using there = await connect({ url: another.url, driver });
      await using session = await there.startSession({ component: 'pooled', intervalMs: 60_000 });
      expect(session.expired).toBe(false);
    });

    test('with prepare: true statements are prepared where the pooler follows them; else the error says what to do', async () => {
      await using preparing = await connect({ url: server.url, driver, prepare: true });
      if (followsPrepared) {
        await work(preparing);
        // Behind the 100 that it keeps it closes the oldest.
        await Promise.all(Array.from({ length: 300 }, (_, i) => rows(preparing, `SELECT ${i}`)));
        const kept = await prepared();
        expect(kept).toBeGreaterThan(0);
        expect(kept).toBeLessThanOrEqual(100);
        return;
      }
      const all = Array.from({ length: 200 }, (_, i) => rows(preparing, `SELECT ${i % 20}`));
      const refused = (await Promise.allSettled(all)).filter((one) => one.status === 'rejected');
      expect(refused.length).toBeGreaterThan(0);
      for (const { reason } of refused)
        expect((reason as { hint: string }).hint).toMatch(/a pooler .*connect with prepare: false/);
    });

    test('nothing stays set on its server connections', async () => {
      await using session = await db.startSession({ component: 'pooled', intervalMs: 60_000 });
      const works = await Promise.all(
        MANY.map((n) => session.claim({ kind: `pooled ${driver}`, candidates: () => [`t${n}`] })),
      );
      await Promise.all(works.map(([one]) => one!.finish()));
      await db.transact((tx) => rows(tx, 'SELECT 1'), { deadlineMs: 60_000 });
      // What a program gets that asks for nothing.
      const names = `SELECT name, setting FROM pg_settings WHERE name <> ALL (ARRAY['application_name', 'client_encoding',
        'transaction_isolation']) AND context IN ('user', 'superuser') ORDER BY name`;
      const session1 = async (url: string) => {
        const pg = await import('pg');
        const client = new pg.default.Client({ connectionString: url });
        await client.connect();
        const { rows: settings } = await client.query(names);
        await client.end();
        return settings as unknown[];
      };
      const expected = await session1(database.url);
      for (let i = 0; i < 4; i++) expect(await session1(server.url)).toEqual(expected);
    });

    test('a setting on which values depend is refused at connect, in one line that mends it', async () => {
      const { pathname, username } = new URL(database.url);
      const name = pathname.slice(1);
      await rows(direct, `ALTER DATABASE ${name} SET bytea_output = 'escape'`);
      await rows(direct, `ALTER DATABASE ${name} SET extra_float_digits = 0`);
      await using another = await startPgbouncer(pooler, database.url);
      const refusal = await connect({ url: another.url, driver }).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'HOLDFAST_CONNECT', reason: 'settings' });
      const { message } = refusal as Error;
      expect(message.split('\n')).toHaveLength(1);
      const mending = /ALTER ROLE .*extra_float_digits = '1'/.exec(message)![0];
      expect(mending).toContain(`ALTER ROLE "${username}" IN DATABASE "${name}" SET bytea_output = 'hex'; `);
      for (const statement of mending.split('; ')) await rows(direct, statement);
      await using mended = await startPgbouncer(pooler, database.url);
      await using there = await connect({ url: mended.url, driver });
      expect(await rows(there, "SELECT '\\x00'::BYTEA")).toEqual([['\\x00']]);
      await rows(direct, `ALTER ROLE "${username}" IN DATABASE "${name}" RESET ALL`);
      await rows(direct, `ALTER DATABASE ${name} RESET ALL`);
    });

    test('start-up options that it does not pass on are refused by name', async () => {
      const url = new URL(server.url);
      url.searchParams.set('options', '-c lock_timeout=5s');
      await expect(connect({ url: url.href, driver })).rejects.toThrow(
        /refuses a parameter of the start: .*\(.*(options|lock_timeout).*\)$/,
      );
    });
  },
);
