import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database, MisuseError, sql } from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';

let db: Database;
beforeAll(async () => {
  const database = await createTestDatabase();
  db = await connect({ url: database.url });
});
afterAll(() => db?.close());

test('every value is bound, whatever is in it', async () => {
  const hostile = `'; DROP TABLE x; -- $1 \\ "`;
  const statement = sql`SELECT ${hostile}::TEXT, ${7}::INT8 + ${8n}::INT8, ${true}::BOOL, ${null}::TEXT`;
  expect(statement.text).toBe('SELECT $1::TEXT, $2::INT8 + $3::INT8, $4::BOOL, $5::TEXT');
  const [row] = (await db.execute(statement)).rows;
  expect(row).toEqual([hostile, '15', 't', null]);
});

test('dates, bytes and arrays travel as the server reads them', async () => {
  const date = new Date('2026-01-02T03:04:05.678Z');
  const list = ['a', 'b "c" \\ {d}', '', null];
  const { rows } = await db.execute(
    sql`SELECT ${date}::TIMESTAMPTZ = '2026-01-02 03:04:05.678+00'::TIMESTAMPTZ, ${new Uint8Array([0, 255])}::BYTEA = '\\x00ff'::BYTEA,
      (${list}::TEXT[])[2], (${list}::TEXT[])[4] IS NULL, ${[1, 2n]}::INT8[] = ARRAY[1, 2]::INT8[]`,
  );
  expect(rows).toEqual([['t', 't', 'b "c" \\ {d}', 't', 't']]);
});

test('a statement in a statement becomes a part of it, its parameters renumbered', async () => {
  const among = sql`x > ${2}::INT8 AND x < ${5}::INT8`;
  const statement = sql`SELECT x FROM generate_series(${1}::INT8, 9) AS g (x) WHERE ${among} ORDER BY x LIMIT ${1}::INT8`;
  expect(statement.values).toEqual(['1', '2', '5', '1']);
  expect((await db.execute(statement)).rows).toEqual([['3']]);
});

test.each([[undefined], [Symbol('x')], [new Date('x')], ['a\0b']])('%s cannot be bound', (value) => {
  expect(() => sql`SELECT ${value as never}`).toThrow(MisuseError);
  expect(() => sql`SELECT ${value as never}`).toThrow(/^sql: value 1: /);
});
