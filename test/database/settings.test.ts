import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import {
  arrayOf,
  bool,
  bytea,
  float8,
  int8,
  interval,
  jsonDate,
  jsonOf,
  nullableArrayOf,
  text,
  timestamptz,
} from '../../src/query/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine } from '../support/database.ts';
import { rows } from '../support/sql.ts';

/** Settings of a database that change how a value is written or what a statement means. */
const SETTINGS: readonly (readonly [name: string, values: readonly string[]])[] = [
  ['bytea_output', ['escape']],
  ['IntervalStyle', ['sql_standard', 'postgres_verbose', 'iso_8601']],
  ['DateStyle', ['SQL, DMY', 'German', 'Postgres, MDY', 'ISO, DMY']],
  ['extra_float_digits', ['0', '-15', '3']],
  ['TimeZone', ['Asia/Kathmandu', 'America/New_York', 'Europe/Amsterdam']],
  ['standard_conforming_strings', ['off']],
  ['backslash_quote', ['off']],
  ['array_nulls', ['off']],
  ['transform_null_equals', ['on']],
  ['xmlbinary', ['hex']],
  ['lc_monetary', ['C.UTF-8']],
  ['search_path', ['', 'pg_temp', 'nowhere']],
  ['default_transaction_isolation', ['repeatable read', 'read committed', 'serializable']],
  ['default_transaction_deferrable', ['on']],
  ['enable_indexscan', ['off']],
  ['enable_hashjoin', ['off']],
  ['jit', ['on']],
  ['plan_cache_mode', ['force_custom_plan', 'force_generic_plan']],
  ['default_text_search_config', ['pg_catalog.german']],
  ['lc_numeric', ['C.UTF-8']],
  ['quote_all_identifiers', ['on']],
];

const at = (iso: string) => new Date(iso);

/** How a value is asked for, and what it is whatever the settings. */
const VALUES: readonly (readonly [
  name: string,
  codec: { decode(value: string): unknown },
  ask: string,
  is: unknown,
])[] = [
  ['bytea', bytea, `'\\x00ff41'::BYTEA`, new Uint8Array([0, 255, 65])],
  ['bytea[]', arrayOf(bytea), `ARRAY['\\x005c'::BYTEA]`, [new Uint8Array([0, 92])]],
  [
    'interval',
    interval,
    `INTERVAL '-1 year 2 mons 3 days -04:05:06.7'`,
    { months: -10, days: 3, microseconds: -14_706_700_000n },
  ],
  [
    'interval of days',
    interval,
    `INTERVAL '1 day 1:57'`,
    { months: 0, days: 1, microseconds: 7_020_000_000n },
  ],
  ['timestamptz', timestamptz, `'2024-02-03 04:05:06.789+00'::TIMESTAMPTZ`, at('2024-02-03T04:05:06.789Z')],
  ['timestamptz of old', timestamptz, `'1880-01-01 00:00:00+00'::TIMESTAMPTZ`, at('1880-01-01T00:00:00Z')],
  [
    'timestamptz[]',
    arrayOf(timestamptz),
    `ARRAY['2024-02-03 04:05:06+00'::TIMESTAMPTZ]`,
    [at('2024-02-03T04:05:06Z')],
  ],
  [
    'timestamptz in JSON',
    jsonOf('json', jsonDate),
    `to_json('1880-01-01 00:00+00'::TIMESTAMPTZ)`,
    at('1880-01-01T00:00:00Z'),
  ],
  ['timestamp', text, `'2024-02-03 04:05:06'::TIMESTAMP`, '2024-02-03 04:05:06'],
  ['date', text, `'2024-02-03'::DATE`, '2024-02-03'],
  ['a date in the order of the month first', text, `'02/03/2024'::DATE`, '2024-02-03'],
  ['float8', float8, `0.1::FLOAT8 + 0.2::FLOAT8`, 0.1 + 0.2],
  ['float4', float8, `1.1::FLOAT4`, 1.1],
  ['float8 in JSON', text, `to_json(0.1::FLOAT8 + 0.2::FLOAT8)`, '0.30000000000000004'],
  ['point', text, `point(0.1::FLOAT8 + 0.2::FLOAT8, 0)`, '(0.30000000000000004,0)'],
  ['numeric', text, '1234567.89::NUMERIC', '1234567.89'],
  ['money', text, '1234.5::MONEY', '$1,234.50'],
  ['int8[]', nullableArrayOf(int8), `'{1,NULL}'::INT8[]`, [1n, null]],
  ['text[] with the word', nullableArrayOf(text), `'{NULL,"NULL"}'::TEXT[]`, [null, 'NULL']],
  ['a literal with a backslash', text, `'a\\nb'`, 'a\\nb'],
  ['a comparison with NULL', bool, `COALESCE(NULL::INT = NULL, false)`, false],
  [
    'a range of times',
    bool,
    `tstzrange('2024-02-03 04:05+00', NULL) @> '2024-02-03 05:05+00'::TIMESTAMPTZ`,
    true,
  ],
];

describe.runIf(testEngine() === 'postgresql').each(DRIVERS)(
  'whatever its database is set to, %s',
  (driver) => {
    let database: TestDatabase;
    const set = async (name: string, value: string) => {
      await using admin = await connect(database.url);
      const to = value === '' ? "''" : name === 'DateStyle' || name === 'search_path' ? value : `'${value}'`;
      await rows(admin, `ALTER DATABASE ${nameOf(database.url)} SET ${name} = ${to}`);
    };
    const reset = async () => {
      await using admin = await connect(database.url);
      await rows(admin, `ALTER DATABASE ${nameOf(database.url)} RESET ALL`);
    };
    beforeAll(async () => {
      database = await createTestDatabase();
    });
    afterEach(reset);
    afterAll(() => database?.drop());

    test.each(SETTINGS.flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
      'gives the same values and means the same with %s = %s',
      async (name, value) => {
        await set(name, value);
        await using db = await connect({ url: database.url, driver });
        const query = `SELECT ${VALUES.map(([, , ask]) => `(${ask})::TEXT`).join(', ')}`;
        // As text of its own the value would be made by the cast; the drivers ask for text as well.
        const uncast = `SELECT ${VALUES.map(([, , ask]) => ask).join(', ')}`;
        const [asText] = await rows(db, query);
        const [asIs] = await db.transact((tx) => rows(tx, uncast));
        for (const row of [asText!, asIs!]) {
          const got = VALUES.map(([what, codec], i) => [what, decoded(codec, row[i]!)]);
          expect(got).toEqual(VALUES.map(([what, , , is]) => [what, is]));
        }
        await reset();
      },
    );

    test('sessions, claims and ends do their work with all of them at once', async () => {
      for (const [name, values] of SETTINGS) await set(name, values[0]!);
      await using db = await connect({ url: database.url, driver });
      await using session = await db.startSession({ component: 'settings' });
      for (const target of ['a', 'b\\', "c'"]) {
        const [work] = await session.claim({ kind: driver, candidates: () => [target] });
        await work!.transact((tx) => rows(tx, 'SELECT 1'));
        if (target === 'a') await work!.finish();
        else await work!.fail('no', { backoff: { initialMs: 60_000 } });
      }
      const history = await rows(
        db,
        "SELECT target, event FROM holdfast.work_history WHERE event <> 'started' ORDER BY target",
      );
      expect(history).toEqual([
        ['a', 'finished'],
        ['b\\', 'failed'],
        ["c'", 'failed'],
      ]);
      await reset();
    });

    test('limits of time that an administrator has set are lowered, never raised', async () => {
      const names = ['statement_timeout', 'idle_in_transaction_session_timeout'];
      const limits = `SELECT ${names.map((name) => `extract(epoch FROM current_setting('${name}')::INTERVAL)::INT8`).join(', ')}`;
      /** In seconds, inside of a transaction that has so long. */
      const inside = async (deadlineMs: number) => {
        await using db = await connect({ url: database.url, driver });
        await using session = await db.startSession({ component: 'limits', intervalMs: 1_800_000 });
        const [row] = await session.transact((tx) => rows(tx, limits), { deadlineMs });
        return row!.map(Number) as [statement: number, idle: number];
      };
      const [statement, idle] = await inside(3_600_000);
      expect(statement).toBeGreaterThan(3_000);
      expect(statement).toBeLessThanOrEqual(3_600);
      expect(idle).toBeGreaterThan(1_000);
      await set('statement_timeout', '45min');
      await set('idle_in_transaction_session_timeout', '10min');
      expect(await inside(3_600_000)).toEqual([2_700, 600]);
      const [lowered] = await inside(1_800_000);
      expect(lowered).toBeLessThanOrEqual(1_800);
      await set('idle_in_transaction_session_timeout', '10h');
      expect((await inside(1_800_000))[1]).toBe(idle);
    });
  },
);

const nameOf = (url: string) => new URL(url).pathname.slice(1);

/** What cannot be read is shown as such, beside the others. */
function decoded(codec: { decode(value: string): unknown }, value: string | null): unknown {
  try {
    return value === null ? null : codec.decode(value);
  } catch (error) {
    return String(error);
  }
}
