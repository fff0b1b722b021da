import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { migrate, migrateDown, migrationStatus } from '../../src/migrate/index.ts';
import { urlTarget } from '../../src/migrate/url-target.ts';
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
  const next = `DO $$ BEGIN
      ASSERT current_setting('search_path') = '"$user", public' AND current_setting('statement_timeout') = '0';
      ASSERT current_user = session_user AND current_user <> '${role}';
      ASSERT to_regclass('kept') IS NULL AND pg_try_advisory_lock(7);
      ASSERT NOT EXISTS (SELECT 1 FROM pg_listening_channels()) AND NOT EXISTS (SELECT 1 FROM pg_prepared_statements);
    END $$;
    CREATE TABLE now_%N (id INT8);`;
  const setting = [
    "SELECT pg_catalog.set_config('search_path', '', false)",
    `SET ROLE ${role}`,
    `SET SESSION AUTHORIZATION ${role}`,
    'SET statement_timeout = 60000',
    'SET default_transaction_read_only = on',
    'SET row_security = off',
    'LISTEN changes',
    'SELECT pg_catalog.pg_advisory_lock(7)',
    'PREPARE one AS SELECT 1',
  ];
  const files: Record<string, string> = { '0001_role.up.sql': `CREATE ROLE ${role};` };
  for (const [i, text] of setting.entries())
    for (const [j, head] of ['', '-- holdfast: no-transaction\n'].entries()) {
      const number = 2 + 4 * i + 2 * j;
      const name = (at: number) => String(at).padStart(4, '0');
      files[`${name(number)}_sets.up.sql`] =
        `${head}${j === 0 ? 'CREATE TEMP TABLE kept (id INT8);' : ''} ${text}; SELECT 1;`;
      files[`${name(number + 1)}_next.up.sql`] = next.replace('%N', `${number}`);
    }
  files['0999_last.up.sql'] = `DROP ROLE ${role};`;
  await using folder = await migrationFolder(files);
  const sets = [folder.path];
  await migrate(url, { sets });
  const { migrations } = await migrationStatus(url, { sets });
  expect(migrations.map(({ state }) => state)).toEqual(Array(migrations.length).fill('applied'));
});

onPostgres('what a file sets in its transaction does not stay on a connection that others get', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_sets.up.sql': `SET search_path = pg_catalog; SET statement_timeout = 60000; SET ROLE pg_monitor;
      SELECT set_config('my.setting', 'x', false);`,
  });
  const real = await urlTarget(url).open();
  const pooled = {
    open: async () => ({ engine: real.engine, execute: real.execute, close: async () => {} }),
  };
  await migrate(pooled, { sets: [folder.path] });
  const { rows } = await real.execute({
    text: `SELECT current_setting('search_path'), current_setting('statement_timeout'), current_user = session_user,
      current_setting('my.setting')`,
    values: [],
  });
  expect(rows).toEqual([['"$user", public', '0', 't', '']]);
  await real.close();
});

onPostgres.each([
  [
    `CREATE TABLE a (id INT8 PRIMARY KEY, b INT8 REFERENCES a DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO a VALUES (1, 2)`,
    /0001_wrong\.up\.sql: insert or update on table "a" violates foreign key .* \(SQLSTATE 23503\)/,
  ],
  ['SET TRANSACTION READ ONLY', /0001_wrong\.up\.sql: cannot execute INSERT in a read-only transaction/],
  ['SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a)', /:2: .*: put -- holdfast: no-transaction at the head/],
  [
    "CREATE TYPE c AS ENUM ('a'); COMMENT ON TYPE c IS 'x';\nVACUUM",
    /:2: VACUUM cannot run inside a transaction block .*: put -- holdfast/,
  ],
])(
  'what ends a file behind its statements is told with its name, and nothing stays: %s',
  async (text, message) => {
    const { url } = await createEmptyTestDatabase();
    await using folder = await migrationFolder({ '0001_wrong.up.sql': text });
    await expect(migrate(url, { sets: [folder.path] })).rejects.toMatchObject({
      reason: 'statement-failed',
      message: expect.stringMatching(message),
    });
    expect((await migrationStatus(url, { sets: [folder.path] })).migrations).toMatchObject([
      { state: 'pending' },
    ]);
  },
);

onPostgres('a down file asks for itself to run without a transaction', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_index.up.sql': 'CREATE TABLE thing (id INT8); CREATE INDEX thing_id ON thing (id);',
    '0001_index.down.sql': `-- holdfast: no-transaction
      DROP INDEX CONCURRENTLY IF EXISTS thing_id;
      DROP TABLE IF EXISTS thing;`,
  });
  await migrate(url, { sets: [folder.path] });
  expect(await migrateDown(url, { set: folder.path, to: 0, allowDestructive: true })).toHaveLength(1);
});

onPostgres.each([
  ['REINDEX (CONCURRENTLY) TABLE thing', 2],
  ['REINDEX INDEX CONCURRENTLY "thing_name"', 1],
  ['REINDEX SCHEMA CONCURRENTLY public', 2],
])('what a try of %s left that met a lock timeout is gone when it is recorded', async (statement, left) => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_thing.up.sql': `CREATE TABLE thing (id INT8 PRIMARY KEY, name TEXT);
      CREATE INDEX thing_name ON thing (name);`,
    '0002_again.up.sql': `-- holdfast: no-transaction\nSET lock_timeout = '100ms';\n${statement};`,
  });
  const sets = [folder.path];
  await migrate(url, { sets, to: 1 });
  const indexes = async () => {
    const { rows } = await withAdmin(url, (client) =>
      client.query(`SELECT relname, indisvalid FROM pg_class JOIN pg_index ON oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace ORDER BY relname`),
    );
    return rows.map(({ relname, indisvalid }) => `${relname} ${indisvalid}`);
  };
  const right = ['thing_name true', 'thing_pkey true'];
  const seen: string[] = [];
  await withAdmin(url, async (other) => {
    await other.query("BEGIN; INSERT INTO thing VALUES (1, 'a')");
    const target = interferedTarget(url, {
      at: 'DROP INDEX CONCURRENTLY',
      when: 'before',
      act: async () => {
        if (seen.length > 0) return;
        seen.push(...(await indexes()).filter((name) => !right.includes(name)));
        await other.query('COMMIT');
      },
    });
    await migrate(target, { sets });
  });
  expect(seen).toHaveLength(left);
  expect(await indexes()).toEqual(right);
});

onPostgres('what a killed REINDEX CONCURRENTLY left on a partition is gone as well', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_again.up.sql': '-- holdfast: no-transaction\nREINDEX TABLE CONCURRENTLY parent;',
  });
  await withAdmin(url, async (other) => {
    await other.query(`CREATE TABLE parent (id INT8) PARTITION BY RANGE (id);
      CREATE TABLE thing PARTITION OF parent (PRIMARY KEY (id)) DEFAULT`);
    await other.query('BEGIN; INSERT INTO thing VALUES (1)');
    await withAdmin(url, async (killed) => {
      await killed.query("SET lock_timeout = '100ms'");
      await expect(killed.query('REINDEX TABLE CONCURRENTLY thing')).rejects.toMatchObject({ code: '55P03' });
    });
    await other.query('COMMIT');
  });
  await migrate(url, { sets: [folder.path] });
  const { rows } = await withAdmin(url, (client) =>
    client.query(
      "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'thing'::regclass",
    ),
  );
  expect(rows).toEqual([{ name: 'thing_pkey' }]);
});

onPostgres('an index whose name something else has is not recorded as made', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_index.up.sql': `-- holdfast: no-transaction
      CREATE TABLE IF NOT EXISTS a (id INT8);
      CREATE TABLE IF NOT EXISTS b (id INT8);
      CREATE INDEX IF NOT EXISTS i ON a (id);
      CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON b (id);`,
  });
  await expect(migrate(url, { sets: [folder.path] })).rejects.toThrow(
    /:5: there is no index i on b: something else has its name/,
  );
  expect((await migrationStatus(url, { sets: [folder.path] })).migrations).toMatchObject([
    { state: 'interrupted', note: expect.stringMatching(/^up, 3 statements done: .*:5: /) },
  ]);
});

test.each([
  ['ALTER TABLE thing VALIDATE CONSTRAINT missing', ''],
  ['UPDATE missing SET id = 1', ''],
  ["INSERT INTO missing VALUES ('a') ON CONFLICT DO NOTHING", ''],
  ['ALTER TABLE missing ADD CONSTRAINT c CHECK (id > 0) NOT VALID', ''],
  ['COMMENT ON TABLE missing IS NULL', ''],
  ['ALTER TABLE thing RENAME COLUMN id TO key', 'done'],
  ['ALTER TABLE thing ADD CONSTRAINT c CHECK (id > 0)', 'done'],
  ["CREATE TYPE colour AS ENUM ('red')", 'done'],
])('killed before or after %s, it is not recorded unless it was done', async (statement, done) => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_apart.up.sql': `-- holdfast: no-transaction
      CREATE TABLE IF NOT EXISTS thing (id INT8 PRIMARY KEY);
      ${statement};`,
  });
  const sets = [folder.path];
  const when = done ? 'after' : 'before';
  const cut = interferedTarget(url, { at: statement.slice(0, 20), when, act: 'cut' });
  await expect(migrate(cut, { sets })).rejects.toThrow('cut by the test');
  await withAdmin(url, (client) => client.query('DELETE FROM holdfast.migration_lock'));
  if (done) await migrate(url, { sets });
  else await expect(migrate(url, { sets })).rejects.toMatchObject({ reason: 'statement-failed' });
  expect((await migrationStatus(url, { sets })).migrations).toMatchObject([
    { state: done ? 'applied' : 'interrupted' },
  ]);
});

test.each([
  ['CREATE TABLE t (id INT8) -- IF NOT EXISTS', /:2: this statement could not be run again/],
  ["INSERT INTO t VALUES ('ON CONFLICT')", /:2: .*: add ON CONFLICT/],
  ['CREATE TEMP TABLE IF NOT EXISTS t (id INT8)', /:2: .*: what is temporary would be gone then/],
])('outside of a transaction, what cannot be run again is refused: %s', async (statement, message) => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_apart.up.sql': `-- holdfast: no-transaction\n${statement};`,
  });
  await expect(migrate(url, { sets: [folder.path] })).rejects.toThrow(message);
});

test('bodies with semicolons in them, and text that is hard to split, run as they are written', async () => {
  const { url } = await createEmptyTestDatabase();
  const onlyPostgres = `CREATE TABLE log (id INT8);
    CREATE RULE r AS ON INSERT TO thing DO ALSO (INSERT INTO log VALUES (NEW.id); INSERT INTO log VALUES (-NEW.id));
    CREATE FUNCTION add(begin INT8) RETURNS INT8 BEGIN ATOMIC
      INSERT INTO thing VALUES (begin);
      SELECT CASE WHEN begin > 1 THEN 1 ELSE 2 END AS end;
    END;
    CREATE FUNCTION nothing() RETURNS TRIGGER LANGUAGE plpgsql AS $f$ BEGIN PERFORM ';'; RETURN NEW; END $f$;
    SELECT add(3);`;
  await using folder = await migrationFolder({
    '0001_thing.up.sql': `CREATE TABLE IF NOT EXISTS thing (id INT8 PRIMARY KEY, note TEXT);
    ${testEngine() === 'postgresql' ? onlyPostgres : 'INSERT INTO thing VALUES (3) ON CONFLICT (id) DO NOTHING;'}
    /* ; /* ; */ it's */ UPDATE thing SET note = E'\\';' || $$;$$ -- ;
      WHERE id = 3;`,
  });
  await migrate(url, { sets: [folder.path] });
  const { rows } = await withAdmin(url, (client) => client.query('SELECT id, note FROM thing'));
  expect(rows).toEqual([{ id: '3', note: "';;" }]);
});

test('what is applied is not split again, and a database of an earlier release learns how', async () => {
  const { url } = await createEmptyTestDatabase();
  const file = '0001_thing.up.sql';
  const text = `CREATE TABLE IF NOT EXISTS thing (id INT8);\n${'SELECT 1;\n'.repeat(500)}`;
  await using folder = await migrationFolder({ [file]: text });
  const sets = [folder.path];
  /** How often the scanner looked for its next piece while there was nothing to do. */
  const looks = async () => {
    const exec = vi.spyOn(RegExp.prototype, 'exec');
    try {
      expect(await migrate(url, { sets })).toEqual([]);
      return exec.mock.contexts.filter((pattern) => (pattern as RegExp).sticky).length;
    } finally {
      exec.mockRestore();
    }
  };
  await migrate(url, { sets });
  expect(await looks()).toBeLessThan(500);
  await withAdmin(url, (client) => client.query('ALTER TABLE holdfast.migration DROP COLUMN proof'));
  expect(await looks()).toBeGreaterThan(500);
  await migrate(url);
  // A comment is no change, an edited statement is one.
  await writeFile(join(folder.path, file), `-- A table.\r\n${text}`);
  expect(await migrate(url, { sets })).toEqual([]);
  await writeFile(join(folder.path, file), text.replace('SELECT 1', 'SELECT 2'));
  await expect(migrate(url, { sets })).rejects.toMatchObject({ reason: 'edited' });
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

describe('what a file cannot say is told by its line, before anything is changed', () => {
  let url: string;
  beforeAll(async () => {
    ({ url } = await createEmptyTestDatabase());
  });
  const untouched = async () => {
    const { rows } = await withAdmin(url, (client) =>
      client.query("SELECT 1 FROM information_schema.tables WHERE table_schema IN ('public', 'holdfast')"),
    );
    expect(rows).toEqual([]);
  };
  const refused = async (text: string | Uint8Array, message: RegExp) => {
    await using folder = await migrationFolder({
      '0001_first.up.sql': 'CREATE TABLE first (id INT8)',
      '0002_dump.up.sql': text,
    });
    const sets = [folder.path];
    const failure = {
      code: 'HOLDFAST_MIGRATION',
      reason: 'invalid-file',
      message: expect.stringMatching(message),
    };
    await expect(migrate(url, { sets })).rejects.toMatchObject(failure);
    await untouched();
    const refusal = await migrationStatus(url, { sets }).then(
      (status) => status.refusal,
      (error) => error,
    );
    expect(refusal).toMatchObject(failure);
  };

  test.each([
    ['\\restrict abc\n\nSET statement_timeout = 0;', /:1: \\restrict is a command of psql/],
    ['CREATE TABLE t (id INT8);\n\\connect other\nSELECT 1;', /:2: \\connect is a command of psql/],
    ["SELECT 'DROP TABLE t'\n  \\gexec\nSELECT 1;", /:2: \\gexec is a command of psql/],
    ["\\copy t FROM 'f'\n", /:1: \\copy is a command of psql/],
    ['COPY t (id) FROM stdin;\n1\n\\.\n', /:1: COPY FROM STDIN needs psql/],
    ["COPY t (a) FROM stdin;\nit's\t$$\n\\.\n\nSELECT 1;", /:1: COPY FROM STDIN needs psql/],
    ['SELECT 1;\n/* now */ commit', /:2: a migration has no transaction statements/],
    ["PREPARE TRANSACTION 'x'", /:1: a migration has no transaction statements/],
  ])('what only psql or the runner says: %j', refused);

  const directive = '-- holdfast: no-transaction';
  test.each([
    [
      '-- holdfast: no-transction\nSELECT 1',
      /:1: "-- holdfast: no-transction" is no directive: write -- holdfast: no-/,
    ],
    ['\n-- holdfast: notransaction\nSELECT 1', /:2: .* is no directive/],
    ['-- Holdfast: no-transaction\nSELECT 1', /:1: .* is no directive/],
    ['-- holdfst: no-transaction\nSELECT 1', /:1: .* is no directive/],
    ['-- holdfast no-transaction\nSELECT 1', /:1: .* is no directive/],
    ['-- holdfast: no-transaction, for the index\nSELECT 1', /:1: .* is no directive/],
    ['/*\n * holdfast: no-transaction\n */\nSELECT 1', /:1: .* is no directive/],
    ['-- holdfast: verbose\nSELECT 1', /:1: .* is no directive/],
    ['-- no transaction\nSELECT 1', /:1: .* is no directive/],
    ['-- +goose NO TRANSACTION\nSELECT 1', /:1: .* is no directive/],
    ['-- migrate:up transaction:false\nSELECT 1', /:1: .* is no directive/],
    [`SELECT 1;\r\n${directive}\r\nSELECT 2`, /:2: .* stands behind a statement: put it above the first one/],
    [`SELECT 1 ${directive}\n`, /:1: .* stands behind a statement/],
  ])('a directive that would not be followed: %j', refused);

  test.each([
    [Buffer.from("SELECT 1;\n\nSELECT 'caf\u00e9'", 'latin1'), /:3: this line is not in UTF-8/],
    [Buffer.from('\uFEFFSELECT 1;\n', 'utf16le'), /:1: this line is not in UTF-8/],
  ])('bytes that are no text: %s', refused);

  test.each([
    '-- Holdfast keeps what is needed here in no transaction of its own.\nSELECT 1',
    "SELECT '-- holdfast: nothing', $$\n-- no transaction\n$$",
    '-- The holdfast schema: sessions and work.\nSELECT 1',
  ])('%j has no directive in it', async (text) => {
    await using folder = await migrationFolder({ '0001_prose.up.sql': text });
    const { migrations, refusal } = await migrationStatus(url, { sets: [folder.path] });
    expect([migrations, refusal]).toMatchObject([[{ state: 'pending' }], undefined]);
  });
});

test('a folder without migrations that is asked for by name is an error', async () => {
  await using folder = await migrationFolder({ 'README.md': 'none yet' });
  await expect(migrate('postgresql://127.0.0.1:1/nothing', { sets: [folder.path] })).rejects.toMatchObject({
    reason: 'invalid-file',
  });
});
