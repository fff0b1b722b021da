import { expect, test } from 'vitest';
import { splitStatements, sqlWords } from '../../src/base/index.ts';

const texts = (sql: string) => splitStatements(sql).map(({ text }) => text);

test.each([
  ['SELECT 1; SELECT 2', ['SELECT 1', 'SELECT 2']],
  ['SELECT 1;;  ;\n', ['SELECT 1']],
  ['', []],
  ['-- only; a comment\n/* and ; another */', []],
  ["SELECT ';', 'it''s;'; SELECT 2", ["SELECT ';', 'it''s;'", 'SELECT 2']],
  ["SELECT E'a\\';b'; SELECT 2", ["SELECT E'a\\';b'", 'SELECT 2']],
  ['SELECT ";" AS "a"";b"; SELECT 2', ['SELECT ";" AS "a"";b"', 'SELECT 2']],
  ['SELECT $$a;b$$; SELECT $t$a;$$;b$t$; SELECT 3', ['SELECT $$a;b$$', 'SELECT $t$a;$$;b$t$', 'SELECT 3']],
  ['SELECT a$b$c; SELECT 2', ['SELECT a$b$c', 'SELECT 2']],
  ['SELECT /* a ; /* nested ; */ ; */ 1; SELECT 2', ['SELECT /* a ; /* nested ; */ ; */ 1', 'SELECT 2']],
  ['SELECT 1 -- one;\n; SELECT 2 -- two', ['SELECT 1', 'SELECT 2']],
  ['SELECT 1 - -1; SELECT 4/2', ['SELECT 1 - -1', 'SELECT 4/2']],
  ["SELECT name'a;b'; SELECT 2", ["SELECT name'a;b'", 'SELECT 2']],
  ["SELECT date'2020-01-01'; SELECT 2", ["SELECT date'2020-01-01'", 'SELECT 2']],
  ["SELECT 'open; forever", ["SELECT 'open; forever"]],
])('%s', (sql, expected) => {
  expect(texts(sql)).toEqual(expected);
});

test('a statement knows its line, and line endings and a byte order mark do not matter', () => {
  expect(splitStatements('\uFEFF-- head\r\n\r\nSELECT\r\n 1;\r\nSELECT 2')).toEqual([
    { text: 'SELECT\n 1', line: 3 },
    { text: 'SELECT 2', line: 5 },
  ]);
});

test('20,000 statements, and a literal of 16 MB with a million quotes in it, are split in one pass', () => {
  const many = splitStatements("INSERT INTO t VALUES (1, 'a;b');\n".repeat(20_000));
  expect(many).toHaveLength(20_000);
  expect(many.at(-1)).toEqual({ text: "INSERT INTO t VALUES (1, 'a;b')", line: 20_000 });
  const literal = `'${"''".repeat(1_000_000)}${'x'.repeat(14_000_000)}'`;
  expect(
    splitStatements(`SELECT ${literal}; SELECT E${literal}; SELECT 2`).map(({ text }) => text.length),
  ).toEqual([literal.length + 7, literal.length + 8, 8]);
});

test('the words of a statement are neither in its strings nor in its comments', () => {
  expect([
    ...sqlWords(`with x as (select 'delete', "drop", $a$ insert $a$, 1.5) -- update\n table/* ; */x`),
  ]).toEqual(['WITH', 'X', 'AS', '(', 'SELECT', "'", ',', '"', ',', "'", ',', '1.5', ')', 'TABLE', 'X']);
});
