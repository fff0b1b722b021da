import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, type Session } from '../../src/index.ts';
import {
  arrayOf,
  bool,
  bytea,
  type Codec,
  claim,
  finish,
  float8,
  int8,
  numeric,
  step,
  text,
  timestamptz,
  uuid,
} from '../../src/query/index.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const claimed = (kind: string, retrieval: string) =>
  claim<Record<never, never>>({
    name: 'ClaimOne',
    kind,
    text: retrieval,
    operation: 'WITH',
    params: [
      ['sessionId', uuid],
      ['claimNumber', int8],
      ['wanted', int8],
      ['refusal', text],
    ],
  });
const changed = (codec: Codec<never>, change: string) => ({
  name: 'Change',
  text: change,
  operation: 'WITH',
  params: [
    ['targets', arrayOf(codec)],
    ['sessionId', uuid],
    ['keyKinds', arrayOf(text)],
    ['keyTargets', arrayOf(text)],
    ['keyTokens', arrayOf(int8)],
    ['refusal', text],
  ] as const,
});

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    db = await connect({ url: (await createTestDatabase()).url, driver });
    session = await db.startSession({ component: 'test', intervalMs: 600_000 });
  });
  afterAll(() => db?.close());

  test.each([
    ['TIMESTAMPTZ', timestamptz, ["'2026-01-02 03:04:05.678901+07'", "'infinity'"]],
    ['INT8', int8, ['9007199254740993', '-1']],
    ['FLOAT8', float8, ['0.1', "'NaN'"]],
    ['NUMERIC', numeric, ['1.50']],
    ['BOOL', bool, ['true', 'false']],
    ['BYTEA', bytea, ["'\\x00ff'"]],
    ['UUID', uuid, ["'00000000-0000-4000-8000-000000000001'"]],
    ['TEXT', text, ["'{\"a\\, b'", "''", "'NULL'"]],
    ['DATE', text, ["'2026-01-02'"]],
  ])('targets of the type %s are claimed, changed and finished', async (type, codec, values) => {
    const table = `of_${type.toLowerCase()}`;
    await rows(db, `CREATE TABLE ${table} (key ${type} PRIMARY KEY, seen INT8 NOT NULL DEFAULT 0)`);
    await rows(db, `INSERT INTO ${table} (key) VALUES ${values.map((value) => `(${value})`).join(', ')}`);
    const change = `UPDATE ${table} SET seen = seen + 1 WHERE key = ANY($1::${type}[]) RETURNING 1 AS changed`;
    const works = await session.claim(
      claimed(table, `SELECT key AS target FROM ${table} ORDER BY key`).with(),
      {
        wanted: 5,
      },
    );
    expect(works).toHaveLength(values.length);
    const definition = { ...changed(codec as Codec<never>, change), kind: table };
    await session.step(works, step<Record<never, never>>(definition).with());
    await session.finish(works, finish<Record<never, never>>(definition).with());
    expect(await rows(db, `SELECT seen FROM ${table}`)).toEqual(values.map(() => ['2']));
  });

  test('a retrieval with NULLs among its targets gives the others', async () => {
    const query = claimed(
      'nulls',
      "SELECT t.target FROM (VALUES (NULL), ('a'), (NULL), ('b')) AS t (target)",
    );
    const works = await session.claim(query.with(), { wanted: 5 });
    expect(works.map(({ target }) => target).sort()).toEqual(['a', 'b']);
    for (const work of works) await work.finish();
    expect(await session.claim(claimed('nulls', 'SELECT NULL::TEXT AS target').with())).toEqual([]);
  });

  // Both columns stand in keys of indexes, which hold some 2,700 bytes.
  const LONGEST = Array.from({ length: 1_000 }, (_, i) => String.fromCharCode(33 + ((i * 7_919) % 90))).join(
    '',
  );
  test.each(['a', 'é', '€', '𝄞'])(
    'what has the longest name of %s and the longest target is claimed and ended',
    async (letter) => {
      const lengths = letter === 'a' ? [1, 191, 192, 193, 194, 195, 196, 199, 200] : [200];
      for (const length of lengths) {
        const kind = letter.repeat(length / letter.length);
        const take = async () => {
          const [work] = await session.claim({
            kind,
            candidates: () => [{ target: LONGEST, exclude: [{ group: kind.slice(0, 190), key: LONGEST }] }],
          });
          return work!;
        };
        await (await take()).cancel();
        const checked = await take();
        await checked.transact((tx) => rows(tx, 'SELECT 1'));
        await checked.finish((tx) => rows(tx, 'SELECT 1'));
        await (await take()).park({ ms: 0 });
        await (await take()).finish();
        await (await take()).fail('x'.repeat(3_000));
        await expect(db.kinds.set(kind, { quarantineAfter: 9 })).resolves.toBeUndefined();
      }
    },
  );
});
