import { expect, test } from 'vitest';
import { migrate, migrationStatus } from '../../src/migrate/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';
import { interferedTarget, migrationFolder } from './support.ts';

const onPostgres = test.skipIf(testEngine() === 'cockroachdb');

onPostgres(
  'an index whose concurrent build met a lock timeout is built anew, and valid when it is recorded',
  async () => {
    const { url } = await createEmptyTestDatabase();
    await using folder = await migrationFolder({
      '0001_thing.up.sql': 'CREATE TABLE thing (id INT8 PRIMARY KEY, name TEXT)',
      '0002_index.up.sql': `-- holdfast: no-transaction
      SET lock_timeout = '100ms';
      CREATE INDEX CONCURRENTLY IF NOT EXISTS "thing name" ON public.thing (name);`,
    });
    const sets = [folder.path];
    await migrate(url, { sets: [folder.path], to: 1 });
    const valid = async () =>
      (
        await withAdmin(url, (client) =>
          client.query('SELECT indisvalid FROM pg_index WHERE indrelid = $1::regclass ORDER BY indisvalid', [
            'thing',
          ]),
        )
      ).rows.map(({ indisvalid }) => indisvalid);
    await withAdmin(url, async (other) => {
      // The build waits for every transaction that has written the table.
      await other.query("BEGIN; INSERT INTO thing VALUES (1, 'a')");
      const target = interferedTarget(url, {
        at: 'DROP INDEX',
        when: 'before',
        act: async () => {
          // What the first build has left.
          expect(await valid()).toEqual([false, true]);
          await other.query('COMMIT');
        },
      });
      await migrate(target, { sets });
      expect(target.statements.filter((text) => text.startsWith('CREATE INDEX'))).toHaveLength(2);
    });
    expect(await valid()).toEqual([true, true]);
  },
);

onPostgres('an index that a killed run left invalid is built anew by the next one', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_index.up.sql': `-- holdfast: no-transaction
      CREATE TABLE IF NOT EXISTS thing (id INT8 PRIMARY KEY, name TEXT);
      CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS thing_name ON thing USING btree (name);`,
  });
  const sets = [folder.path];
  const twice = interferedTarget(url, {
    at: 'CREATE UNIQUE',
    when: 'before',
    act: () =>
      withAdmin(
        url,
        async (client) => void (await client.query("INSERT INTO thing VALUES (1, 'a'), (2, 'a')")),
      ),
  });
  await expect(migrate(twice, { sets })).rejects.toMatchObject({ reason: 'statement-failed' });
  await withAdmin(url, (client) => client.query('DELETE FROM thing WHERE id = 2'));
  await migrate(url, { sets });
  const { rows } = await withAdmin(url, (client) =>
    client.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'thing_name'::regclass"),
  );
  expect(rows).toEqual([{ indisvalid: true }]);
});

onPostgres('what a file sets reaches neither the next one nor the bookkeeping', async () => {
  const { url } = await createEmptyTestDatabase();
  const role = `nobody_${Date.now()}`;
  await using folder = await migrationFolder({
    '0001_dump.up.sql': `SELECT pg_catalog.set_config('search_path', '', false);
      CREATE ROLE ${role};
      CREATE TABLE public.one (id INT8);
      SET ROLE ${role};`,
    '0002_next.up.sql': 'CREATE TABLE two (id INT8); INSERT INTO one VALUES (1);',
    '0003_apart.up.sql': `-- holdfast: no-transaction
      SET ROLE ${role};
      SELECT 1;
      RESET ROLE;
      SET search_path = pg_catalog;`,
    '0004_last.up.sql': `DROP ROLE ${role}; CREATE TABLE three (id INT8);`,
  });
  const sets = [folder.path];
  await migrate(url, { sets });
  expect((await migrationStatus(url, { sets })).migrations.map(({ state }) => state)).toEqual(
    Array(4).fill('applied'),
  );
});

test('a file that goes on after an interruption has again what its first statements set', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_apart.up.sql': `-- holdfast: no-transaction
      CREATE SCHEMA IF NOT EXISTS apart;
      SET search_path = apart;
      CREATE TABLE IF NOT EXISTS one (id INT8 PRIMARY KEY);
      CREATE TABLE IF NOT EXISTS two (id INT8 PRIMARY KEY);`,
  });
  const sets = [folder.path];
  const cut = interferedTarget(url, { at: 'CREATE TABLE IF NOT EXISTS two', when: 'before', act: 'cut' });
  await expect(migrate(cut, { sets })).rejects.toThrow('cut by the test');
  await withAdmin(url, (client) => client.query('DELETE FROM holdfast.migration_lock'));
  await migrate(url, { sets });
  const { rows } = await withAdmin(url, (client) =>
    client.query("SELECT table_schema FROM information_schema.tables WHERE table_name IN ('one', 'two')"),
  );
  expect(rows).toEqual([{ table_schema: 'apart' }, { table_schema: 'apart' }]);
});

test('a byte order mark does not hide the directive behind it', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_thing.up.sql':
      '\uFEFF-- holdfast: no-transaction\nCREATE TABLE IF NOT EXISTS thing (id INT8);\nSELECT nonsense;',
  });
  await expect(migrate(url, { sets: [folder.path] })).rejects.toThrow(/:3: /);
  const { migrations } = await migrationStatus(url, { sets: [folder.path] });
  expect(migrations).toMatchObject([{ state: 'interrupted' }]);
});

test.each([
  ['\\restrict abc\n\nSET statement_timeout = 0;', /:1: \\restrict is a command of psql/],
  ['CREATE TABLE t (id INT8);\n\\connect other\nSELECT 1;', /:2: \\connect is a command of psql/],
  ['COPY t (id) FROM stdin;\n1\n\\.\n', /:1: COPY FROM STDIN needs psql/],
])('what only psql understands is named: %j', async (text, message) => {
  await using folder = await migrationFolder({ '0001_dump.up.sql': text });
  const unreachable = 'postgresql://127.0.0.1:1/nothing';
  await expect(migrate(unreachable, { sets: [folder.path] })).rejects.toThrow(message);
});

test('a folder without migrations that is asked for by name is an error', async () => {
  await using folder = await migrationFolder({ 'README.md': 'none yet' });
  await expect(migrate('postgresql://127.0.0.1:1/nothing', { sets: [folder.path] })).rejects.toMatchObject({
    reason: 'invalid-file',
  });
});
