import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DatabaseError, MisuseError } from '../../src/base/index.ts';
import type { DriverConnection } from '../../src/database/index.ts';
import { type FaultProxy, startFaultProxy, trickle } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine, waitFor } from '../support/database.ts';
import { openConnection } from '../support/driver-connection.ts';
import { sql } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

expectNoUncaughtErrors();

let database: TestDatabase;
let proxy: FaultProxy;
const cockroach = testEngine() === 'cockroachdb';

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startFaultProxy({ url: database.url });
  const setup = await openConnection('pg', database.url);
  await setup.sendSimple(`CREATE TYPE mood AS ENUM ('calm', 'so-so')`);
  await setup.sendSimple('CREATE TABLE parent (id INT8 PRIMARY KEY, name TEXT NOT NULL UNIQUE)');
  await setup.sendSimple(
    'CREATE TABLE child (id INT8 PRIMARY KEY, parent_id INT8 NOT NULL REFERENCES parent (id), n INT8 CHECK (n > 0))',
  );
  await setup.close();
});
afterAll(async () => {
  await proxy?.close();
  await database?.drop();
});

/** Type, text sent, text that comes back when it differs. */
const VALUES: readonly (readonly [type: string, sent: string, back?: string])[] = [
  ['BOOL', 'true', 't'],
  ['BOOL', 'f', 'f'],
  ['INT2', '-32768'],
  ['INT4', '2147483647'],
  ['INT8', '-9223372036854775808'],
  ['INT8', '9007199254740993'],
  ['FLOAT8', '0.1'],
  ['FLOAT8', 'NaN'],
  ['NUMERIC', '123456789012345678901234567890.123456789'],
  ['TEXT', ''],
  ['TEXT', 'null'],
  ['TEXT', `quote ' double " back \\ brace {} $1 -- /* newline\n tab\t`],
  ['TEXT', 'žluťoučký 日本語 𝔘𝔫𝔦 👩‍👩‍👧‍👦'],
  ['VARCHAR', 'x'],
  ['BYTEA', '\\x00ff10', '\\x00ff10'],
  ['UUID', '00000000-0000-4000-8000-0123456789ab'],
  ['DATE', '2024-02-29'],
  ['TIME', '23:59:59.999999'],
  ['TIMESTAMP', '2024-02-29 12:34:56.789012'],
  ['JSONB', '{"a": [1, null, "ü"]}'],
  ['INT8[]', '{1,NULL,-3}'],
  ['TEXT[]', '{a,NULL,"",comma","quote\\""}'.replace('comma","quote', '"comma,","quote')],
  ['BOOL[]', '{t,f,NULL}'],
  ['mood', 'so-so'],
  ['mood[]', '{calm,so-so}'],
];

describe.each(DRIVERS)('driver %s', (driver) => {
  let connection: DriverConnection;
  const opened: DriverConnection[] = [];
  const open = async (url = database.url) => {
    const fresh = await openConnection(driver, url);
    opened.push(fresh);
    return fresh;
  };
  beforeAll(async () => {
    connection = await openConnection(driver, database.url);
  });
  afterAll(() => connection?.close());
  afterEach(async () => {
    proxy.calm();
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });

  test.each(VALUES)('%s %j goes in and comes back as text', async (type, sent = '', back = sent) => {
    for (const prepare of [false, true, true]) {
      const { rows, columns } = await connection.send(sql(`SELECT $1::${type} AS value`, sent), { prepare });
      expect(rows).toEqual([[back]]);
      expect(columns.map(({ name }) => name)).toEqual(['value']);
    }
  });

  test('a timestamptz comes back with its offset, to the microsecond', async () => {
    await connection.sendSimple("SET TIME ZONE 'UTC'");
    const { rows } = await connection.send(sql('SELECT $1::TIMESTAMPTZ', '2024-02-29 12:34:56.789012+02'));
    expect(rows[0]![0]).toMatch(/^2024-02-29 10:34:56\.789012\+00(:00)?$/);
  });

  test('null and the empty string are told apart, in and out', async () => {
    const { rows } = await connection.send(
      sql("SELECT $1::TEXT, $2::TEXT, $1::TEXT IS NULL, $2::TEXT = '', NULL, ''", null, ''),
    );
    expect(rows).toEqual([[null, '', 't', 't', null, '']]);
  });

  test('a result has its column names, types, row count and command', async () => {
    await connection.send(sql('DELETE FROM child'));
    await connection.send(sql('DELETE FROM parent'));
    const inserted = await connection.send(sql("INSERT INTO parent (id, name) VALUES (1, 'a'), (2, 'b')"));
    expect(inserted).toMatchObject({ rows: [], columns: [], rowCount: 2, command: 'INSERT' });
    const selected = await connection.send(sql('SELECT id, name FROM parent ORDER BY id'));
    expect(selected).toMatchObject({ rowCount: 2, command: 'SELECT' });
    expect(selected.columns).toEqual([
      { name: 'id', typeOid: 20 },
      { name: 'name', typeOid: 25 },
    ]);
    const none = await connection.send(sql('SELECT id FROM parent WHERE id = $1', '99'));
    expect(none).toMatchObject({ rows: [], columns: [{ name: 'id', typeOid: 20 }], rowCount: 0 });
    const updated = await connection.send(sql("UPDATE parent SET name = name || '!' WHERE id > 0"));
    expect(updated).toMatchObject({ rowCount: 2, command: 'UPDATE' });
    expect(await connection.send(sql('DELETE FROM parent RETURNING id'))).toMatchObject({
      rowCount: 2,
      command: 'DELETE',
    });
  });

  test('the command is the whole tag without its numbers', async () => {
    const texts = [
      ['CREATE TABLE tagged (a INT8)', 'CREATE TABLE'],
      ['CREATE INDEX tagged_a ON tagged (a)', 'CREATE INDEX'],
      ['INSERT INTO tagged VALUES (1), (2)', 'INSERT'],
      ['SELECT a FROM tagged', 'SELECT'],
      ['DROP TABLE tagged', 'DROP TABLE'],
    ] as const;
    for (const send of ['send', 'sendSimple'] as const) {
      for (const [text, command] of texts) {
        const answer = send === 'send' ? connection.send(sql(text)) : connection.sendSimple(text);
        expect((await answer).command, `${send} ${text}`).toBe(command);
      }
    }
    expect(await connection.sendSimple('SELECT 1; CREATE TABLE tagged (a INT8)')).toMatchObject({
      command: 'CREATE TABLE',
    });
    await connection.sendSimple('DROP TABLE tagged');
  });

  test('COPY with a stream is refused before it is sent, whole, and the connection goes on', async () => {
    const watched = await open(proxy.url);
    const sent = await proxy.measure(async () => {
      for (const text of [
        'COPY parent FROM STDIN',
        'COPY parent TO STDOUT',
        'copy (SELECT (1)) to/* */stdout (FORMAT csv)',
      ]) {
        await expect(watched.send(sql(text))).rejects.toThrow(MisuseError);
        await expect(watched.sendSimple(text)).rejects.toThrow(MisuseError);
        await expect(watched.sendSimple(`SELECT 1; ${text}`)).rejects.toThrow(MisuseError);
      }
    });
    expect(sent.messages).toBe(0);
    expect(watched.closed).toBeUndefined();
    expect((await watched.send(sql("SELECT 'COPY parent FROM STDIN'"))).rows).toHaveLength(1);
    // The server's own files are the server's to answer for.
    await expect(watched.send(sql("COPY nowhere FROM '/STDIN'"))).rejects.toThrow(DatabaseError);
    expect((await watched.send(sql('SELECT 1'))).rows).toEqual([['1']]);
  });

  test('columns of one name are all there', async () => {
    const { rows } = await connection.send(sql('SELECT 1 AS a, 2 AS a, 3 AS a'));
    expect(rows).toEqual([['1', '2', '3']]);
  });

  test('large values and many rows', async () => {
    const large = 'ä'.repeat(600_000);
    const { rows } = await connection.send(sql('SELECT $1::TEXT', large));
    expect(rows[0]![0] === large).toBe(true);
    const many = await connection.send(
      sql('SELECT g, repeat($1, 50) FROM generate_series(1, 20000) AS g', 'x'),
    );
    expect(many.rows).toHaveLength(20_000);
    expect(many.rows[19_999]).toEqual(['20000', 'x'.repeat(50)]);
  });

  test('answers split at every byte are put together', async () => {
    const slow = await open(proxy.url);
    proxy.inject({ direction: 'to-client', action: trickle(), times: Infinity });
    const answers = await Promise.all([
      slow.send(sql('SELECT $1::TEXT, NULL', 'ünï')),
      slow.sendSimple('SELECT 2; SELECT 3'),
    ]);
    expect(answers.map(({ rows }) => rows)).toEqual([[['ünï', null]], [['3']]]);
  });

  test('statements sent together leave in one message and are answered in order', async () => {
    const counted = await open(proxy.url);
    const settled: number[] = [];
    const sent = await proxy.measure(() =>
      Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          const { rows } = await counted.send(sql('SELECT $1::INT8', String(i)));
          settled.push(i);
          return rows[0]![0];
        }),
      ),
    );
    expect(sent.value).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
    expect(settled).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(sent.roundTrips).toBe(1);
  });

  test('the first run of a statement and a prepared run each cost one round trip', async () => {
    const counted = await open(proxy.url);
    const statement = sql('SELECT $1::TEXT || $2::TEXT', 'a', 'b');
    for (const run of ['first', 'prepared'])
      expect(await proxy.measure(() => counted.send(statement)), run).toMatchObject({ roundTrips: 1 });
    expect(await proxy.measure(() => counted.send(statement, { prepare: false }))).toMatchObject({
      roundTrips: 1,
    });
  });

  test('a thousand statements piped at once keep their order', async () => {
    const piped = await open();
    await piped.sendSimple('CREATE TEMPORARY TABLE seq (n INT8 NOT NULL)').catch(async () => {
      await piped.sendSimple('SET experimental_enable_temp_tables = on');
      await piped.sendSimple('CREATE TEMPORARY TABLE seq (n INT8 NOT NULL)');
    });
    const sends = Array.from({ length: 1_000 }, (_, i) =>
      i % 3 === 0
        ? piped.sendSimple(`SELECT ${i}`)
        : piped.send(sql(i % 3 === 1 ? 'SELECT $1::INT8' : 'SELECT $1::INT8 + 0', String(i))),
    );
    const answers = await Promise.all(sends);
    expect(answers.map(({ rows }) => rows[0]![0])).toEqual(
      Array.from({ length: 1_000 }, (_, i) => String(i)),
    );
  });

  test('a failed statement fails alone; what is piped behind it outside a transaction still runs', async () => {
    const results = await Promise.allSettled([
      connection.send(sql('SELECT 1')),
      connection.send(sql('SELECT 1/$1::INT8', '0')),
      connection.send(sql('SELECT nowhere')),
      connection.send(sql('SELECT 4')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  });

  test('in a transaction, what is piped behind a failure fails too, and COMMIT says ROLLBACK', async () => {
    const results = await Promise.allSettled([
      connection.sendSimple('BEGIN'),
      connection.send(sql('SELECT 1/$1::INT8', '0')),
      connection.send(sql('SELECT 5')),
      connection.sendSimple('COMMIT'),
    ]);
    expect(results.map((r) => (r.status === 'fulfilled' ? r.value.command : r.reason.code))).toEqual([
      'BEGIN',
      '22012',
      '25P02',
      'ROLLBACK',
    ]);
  });

  test('the simple protocol runs several statements and gives the last result', async () => {
    const { rows, command } = await connection.sendSimple("SELECT 1; SELECT 'a' AS x, 'b' AS y");
    expect(rows).toEqual([['a', 'b']]);
    expect(command).toBe('SELECT');
    expect(await connection.sendSimple('BEGIN; SELECT 1; ROLLBACK')).toMatchObject({ command: 'ROLLBACK' });
    await expect(connection.sendSimple('SELECT 1; SELECT 1/0; SELECT 3')).rejects.toMatchObject({
      code: '22012',
    });
    expect((await connection.sendSimple('SELECT 4')).rows).toEqual([['4']]);
  });

  test('the error of a statement carries its SQLSTATE and fields', async () => {
    await connection.send(sql("INSERT INTO parent (id, name) VALUES (10, 'ten') ON CONFLICT DO NOTHING"));
    const failed = (text: string, ...values: (string | null)[]) =>
      connection.send(sql(text, ...values)).then(
        () => expect.unreachable(),
        (error: unknown) => error as DatabaseError,
      );
    const duplicate = await failed("INSERT INTO parent (id, name) VALUES (11, 'ten')");
    expect(duplicate).toBeInstanceOf(DatabaseError);
    expect(duplicate).toMatchObject({ code: '23505', severity: 'ERROR' });
    expect(duplicate.constraint).toBe('parent_name_key');
    expect(await failed('INSERT INTO child (id, parent_id) VALUES (1, 404)')).toMatchObject({
      code: '23503',
    });
    expect(await failed('INSERT INTO child (id, parent_id, n) VALUES (1, 10, -1)')).toMatchObject({
      code: '23514',
    });
    expect(await failed('INSERT INTO parent (id, name) VALUES (12, $1)', null)).toMatchObject({
      code: '23502',
      ...(cockroach ? {} : { column: 'name' }),
    });
    expect(await failed('SELEC 1')).toMatchObject({ code: '42601' });
    expect(await failed('SELECT * FROM nowhere')).toMatchObject({ code: '42P01' });
    expect(await failed('SELECT $1::INT8', 'ten')).toMatchObject({
      code: cockroach ? '08P01' : '22P02',
    });
    if (cockroach) {
      expect(await failed("SELECT crdb_internal.force_error('40001', 'x')")).toMatchObject({ code: '40001' });
    } else {
      expect(duplicate).toMatchObject({
        schema: expect.any(String),
        table: 'parent',
        detail: expect.stringContaining('ten'),
      });
      expect(duplicate.routine).toBeTruthy();
      expect(await failed('SELECT nothing')).toMatchObject({ code: '42703', position: 8 });
    }
  });

  test('the error of a compiled query names it', async () => {
    const refused = connection.send({ ...sql('SELECT 1/0'), name: 'DivideByNothing' });
    await expect(refused).rejects.toMatchObject({ code: '22012', query: 'DivideByNothing' });
    await expect(connection.send(sql('SELECT 1/0'))).rejects.toHaveProperty('query', undefined);
  });

  test('an error that shows only when the implicit transaction commits rejects the statement', async () => {
    if (cockroach) {
      // No deferrable constraints there: a foreign key is checked at the end of the statement.
      await expect(
        connection.send(sql('INSERT INTO child (id, parent_id) VALUES (77, 405)')),
      ).rejects.toMatchObject({ code: '23503' });
    } else {
      await connection.sendSimple(
        'CREATE TEMP TABLE p (id INT8 PRIMARY KEY); CREATE TEMP TABLE c (p INT8 REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
      );
      await expect(connection.send(sql('INSERT INTO c VALUES ($1)', '1'))).rejects.toMatchObject({
        code: '23503',
      });
      await connection.sendSimple('DROP TABLE c, p');
    }
    expect((await connection.send(sql('SELECT 1'))).rows).toEqual([['1']]);
  });

  test('a plan that went stale is reported as it is, never run again behind the caller', async () => {
    const stale = await open();
    const other = await open();
    await other.sendSimple('DROP TABLE IF EXISTS shape; CREATE TABLE shape (a INT8)');
    const statement = sql('SELECT * FROM shape WHERE a > $1', '0');
    await stale.send(statement);
    await stale.send(statement);
    await other.sendSimple('ALTER TABLE shape ADD COLUMN b TEXT');
    const results = await Promise.allSettled([
      stale.sendSimple('BEGIN'),
      stale.send(statement),
      stale.sendSimple('COMMIT'),
    ]);
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { code: '0A000' } });
    expect(results[2]).toMatchObject({ status: 'fulfilled', value: { command: 'ROLLBACK' } });
    const healed = await stale.send(statement, { prepare: false });
    expect(healed.columns.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('a statement that failed to parse can be sent again once it fits', async () => {
    const statement = sql('SELECT 1 FROM later WHERE id = $1::INT8', '1');
    await connection.sendSimple('DROP TABLE IF EXISTS later');
    await expect(connection.send(statement)).rejects.toMatchObject({ code: '42P01' });
    await connection.sendSimple('CREATE TABLE later (id INT8)');
    expect((await connection.send(statement)).rows).toEqual([]);
    await connection.sendSimple('DROP TABLE later');
  });

  test('cancel ends what runs and leaves the connection usable', async () => {
    let settled = false;
    const victim = await open();
    const sleeping = victim.send(sql('SELECT pg_sleep(60)')).finally(() => {
      settled = true;
    });
    sleeping.catch(() => {});
    // A cancel that arrives before the statement began does nothing: ask until it helped.
    await waitFor(async () => {
      await victim.cancel();
      return settled;
    });
    await expect(sleeping).rejects.toMatchObject({ code: '57014' });
    await waitFor(async () => {
      const [answer] = await Promise.allSettled([victim.send(sql('SELECT 1'))]);
      return answer.status === 'fulfilled';
    });
  });

  test('a text with a zero byte is refused or kept whole as the server decides, never cut short', async () => {
    const answer = await connection.send(sql('SELECT $1::TEXT', 'a\0b')).catch((error: unknown) => error);
    if (cockroach) expect(answer).toMatchObject({ rows: [['a\0b']] });
    else expect(answer).toMatchObject({ code: '22021' });
    expect((await connection.send(sql('SELECT 1'))).rows).toEqual([['1']]);
  });

  test('notices and empty statements are harmless', async () => {
    await connection.sendSimple('DROP TABLE IF EXISTS never_there');
    expect((await connection.sendSimple('')).rows).toEqual([]);
    expect((await connection.send(sql(''))).rows).toEqual([]);
    expect((await connection.send(sql('SELECT 1'))).rows).toEqual([['1']]);
  });

  test('close is polite: the server sees the end of it', async () => {
    const brief = await openConnection(driver, proxy.url);
    const before = proxy.open;
    const terminate = proxy.next(({ type }) => type === 'X');
    await brief.close();
    await terminate;
    expect(brief.closed).toBeDefined();
    await waitFor(() => proxy.open < before);
    await expect(brief.send(sql('SELECT 1'))).rejects.toThrow(/closed/);
  });
});
