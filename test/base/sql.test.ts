import fc from 'fast-check';
import { parse } from 'libpg-query';
import { afterEach, expect, test, vi } from 'vitest';
import { splitStatements, sqlPieces, sqlWords } from '../../src/base/index.ts';
import { seededRandom } from '../support/seed.ts';

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

const inner = (...statements: string[]) => statements.map((each): [string, string[]] => [each, [each]]);

test.each<[string, string[]]>([
  ...inner(
    'CREATE FUNCTION f() RETURNS INT8 BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END',
    'CREATE OR REPLACE FUNCTION f(begin INT8, "end" INT8) RETURNS INT8 LANGUAGE sql begin atomic end',
    'create procedure p() BEGIN /* ; */ ATOMIC INSERT INTO t VALUES (1); SELECT 1 AS end; SELECT a end FROM t; END',
    'CREATE FUNCTION f() RETURNS INT8 BEGIN ATOMIC CREATE FUNCTION g() RETURNS INT8 BEGIN ATOMIC SELECT 1; END; SELECT 2; END',
    'CREATE FUNCTION f() RETURNS INT8 BEGIN ATOMIC SELECT begin atomic FROM t; CREATE RULE r AS ON INSERT TO t DO (a; b); END',
    'CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); DELETE FROM v)',
    'CREATE OR REPLACE RULE r AS ON INSERT TO t DO INSTEAD ((SELECT 1); SELECT (2))',
  ),
  ['SELECT begin atomic FROM t; SELECT 2', ['SELECT begin atomic FROM t', 'SELECT 2']],
  [
    'CREATE VIEW v AS SELECT begin atomic FROM t; SELECT 2',
    ['CREATE VIEW v AS SELECT begin atomic FROM t', 'SELECT 2'],
  ],
  [
    'CREATE FUNCTION f(begin atomic) AS $$;$$; SELECT 2',
    ['CREATE FUNCTION f(begin atomic) AS $$;$$', 'SELECT 2'],
  ],
  ['SELECT (1; SELECT 2', ['SELECT (1', 'SELECT 2']],
  ["SELECT E'a'\n  'b\\'; c'; SELECT 2", ["SELECT E'a'\n  'b\\'; c'", 'SELECT 2']],
  ["SELECT E'a' -- two\n'b\\'; c'; SELECT 2", ["SELECT E'a' -- two\n'b\\'; c'", 'SELECT 2']],
  ["SELECT E'a' 'b\\'; SELECT 2", ["SELECT E'a' 'b\\'", 'SELECT 2']],
  [
    "SELECT U&'a\\'; SELECT U&\"d!;\" UESCAPE '!'; SELECT 3",
    ["SELECT U&'a\\'", 'SELECT U&"d!;" UESCAPE \'!\'', 'SELECT 3'],
  ],
  ['SELECT a\u00a0$$;b; SELECT 2', ['SELECT a\u00a0$$', 'b', 'SELECT 2']],
])('what stands inside of a statement does not end it: %s', (sql, expected) => {
  expect(texts(sql)).toEqual(expected);
  expect(texts(`${sql}; SELECT 'next'`)).toEqual([...expected, "SELECT 'next'"]);
});

test('random texts are split as PostgreSQL itself splits them', async () => {
  const pieces = [
    "SELECT ';'",
    "SELECT E'\\';', 'it''s\\'",
    "SELECT E'a'\n\n 'b\\'; c' -- it's\n",
    "SELECT U&'\\0061;' , U&\"d!0061t;\" UESCAPE '!' FROM t",
    "SELECT N';', x';', b';'",
    'SELECT $$;$$, $a$;$$;$b$;$a$, $é$;$é$',
    'SELECT a$b$c, 1.5, .5e3, 0x1F, 1_000, $1 FROM "a"";b"',
    "SELECT /* ; /* ; */ -- */ 1 /* '; */",
    "SELECT 1 -- ; it's\n",
    "SELECT 1 -- ; it's\r",
    "SELECT a[1:2], 2*-1, 4/ 2, 'a'::TEXT, a <@ b, a @-1 FROM t",
    'SELECT a\u00a0, "\u00e9;" FROM \u00e9$t$',
    'SELECT CASE WHEN a THEN begin ELSE 2 END end, 1 case, t.end, begin atomic FROM t',
    'BEGIN; COMMIT',
    'CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; DELETE FROM t WHERE (a))',
    'CREATE RULE r AS ON INSERT TO t DO NOTHING',
    "CREATE FUNCTION f(begin INT8) RETURNS INT8 BEGIN ATOMIC SELECT ';'; SELECT 1 AS end; SELECT CASE a WHEN 1 THEN 2 END; END",
    'CREATE OR REPLACE FUNCTION f() RETURNS INT8 BEGIN ATOMIC END',
    'CREATE PROCEDURE p() BEGIN ATOMIC SELECT a end FROM t; SELECT begin atomic FROM t; CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); END',
    "CREATE FUNCTION f() RETURNS INT8 RETURN ';'",
    "DO $do$ BEGIN PERFORM ';'; END $do$",
    '',
    '/* ; */',
    '-- ;\n',
  ];
  const between = fc.constantFrom('', ' ', '\n', '\f\v\t', '-- ;\n', '/* ; */');
  const text = fc.array(fc.tuple(between, fc.constantFrom(...pieces), between), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(text, async (parts) => {
      const sql = ['SELECT 0', ...parts.map((part) => part.join(''))].join(';');
      const bytes = Buffer.from(sql);
      const { stmts = [] } = await parse(sql);
      const spans = stmts.map(({ stmt_location: at = 0, stmt_len: length }) =>
        bytes.subarray(at, length === undefined || length === 0 ? undefined : at + length).toString(),
      );
      // The server's statements have the comments around them.
      expect(texts(sql)).toEqual(spans.map((span) => texts(span).join()));
      expect(texts(sql)).toHaveLength(stmts.length);
    }),
    { seed: seededRandom('splitting').seed, numRuns: 400 },
  );
});

afterEach(() => vi.restoreAllMocks());

/** Characters that searches of a scan have looked at. */
function visited(scan: () => unknown): number {
  let count = 0;
  const { indexOf } = String.prototype;
  const { exec } = RegExp.prototype;
  vi.spyOn(String.prototype, 'indexOf').mockImplementation(function (this: string, what, from = 0) {
    const at = indexOf.call(this, what, from);
    count += (at < 0 ? this.length : at + what.length) - from;
    return at;
  });
  vi.spyOn(RegExp.prototype, 'exec').mockImplementation(function (this: RegExp, text) {
    const from = this.lastIndex;
    const found = exec.call(this, text);
    const to = found === null ? (this.sticky ? from + 1 : text.length) : found.index + found[0].length;
    count += to - from;
    return found;
  });
  scan();
  vi.restoreAllMocks();
  return count;
}

test('20,000 statements, and a literal of 16 MB with a million quotes in it, are split in one pass', () => {
  const inserts = "INSERT INTO t VALUES (1, E'a;b');\n".repeat(20_000);
  const many = splitStatements(inserts);
  expect(many).toHaveLength(20_000);
  expect(many.at(-1)).toEqual({ text: "INSERT INTO t VALUES (1, E'a;b')", line: 20_000 });
  const literal = `'${"''".repeat(1_000_000)}${'x'.repeat(14_000_000)}'`;
  const large = `SELECT ${literal}; SELECT E${literal}; SELECT 2`;
  expect(splitStatements(large).map(({ text }) => text.length)).toEqual([
    literal.length + 7,
    literal.length + 8,
    8,
  ]);
  for (const text of [inserts, large])
    expect(visited(() => splitStatements(text)) / text.length).toBeLessThan(8);
});

test.each([
  "INSERT INTO t VALUES (E'a', $$;$$, 1.5)",
  "INSERT INTO t VALUES (E'a\\'b')",
  'SELECT /* /* ; */ */ 1 -- ;\n',
  'SELECT "a""b", \'it\'\'s\'',
  'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)',
  'CREATE FUNCTION f() RETURNS INT8 BEGIN ATOMIC SELECT 1; END',
  `SELECT E'${"\\''".repeat(50)}'`,
  `SELECT '${"''".repeat(50)}'`,
])('ten times as much text is ten times as much work: %s', (statement) => {
  const work = (times: number) => {
    const text = `${statement};\n`.repeat(times);
    return visited(() => [...sqlPieces(text)]) + visited(() => splitStatements(text));
  };
  expect(work(1_000) / work(100)).toBeCloseTo(10, 0);
});

test('the words of a statement are neither in its strings nor in its comments', () => {
  expect([
    ...sqlWords(`with x as (select 'delete', "drop", $a$ insert $a$, 1.5) -- update\n table/* ; */x`),
  ]).toEqual(['WITH', 'X', 'AS', '(', 'SELECT', "'", ',', '"', ',', "'", ',', '1.5', ')', 'TABLE', 'X']);
});
