import { expect, test } from 'vitest';
import { splitStatements } from '../../src/migrate/split.ts';

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
  ["SELECT 'open; forever", ["SELECT 'open", 'forever']],
])('%s', (sql, expected) => {
  expect(texts(sql)).toEqual(expected);
});

test('a statement knows its line, and line endings and a byte order mark do not matter', () => {
  expect(splitStatements('\uFEFF-- head\r\n\r\nSELECT\r\n 1;\r\nSELECT 2')).toEqual([
    { text: 'SELECT\n 1', line: 3 },
    { text: 'SELECT 2', line: 5 },
  ]);
});
