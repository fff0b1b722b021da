import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import { describeTexts } from '../../src/compiler/analysis/describe.ts';
import { looseUses } from '../../src/compiler/cockroach/loose-uses.ts';
import { planProof } from '../../src/compiler/cockroach/plan-proof.ts';
import { type CompileDatabase, type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { testEngine } from '../support/database.ts';
import { runCliInside } from '../support/run-cli-inside.ts';

const schema = `
CREATE TABLE t (id INT8 NOT NULL PRIMARY KEY, name STRING NOT NULL, note STRING, at TIMESTAMPTZ);
CREATE VIEW late AS SELECT id, note FROM t WHERE at < now();
CREATE VIEW later AS SELECT id, note FROM late;
`;

let engine: Engine;
let database: CompileDatabase;
beforeAll(async () => {
  if (testEngine() !== 'cockroachdb') return;
  engine = await openEngine({ url: inject('holdfast').url });
  database = await engine.database([{ path: 'schema.sql', text: schema }]);
});
afterAll(() => engine?.close());

async function proofOf(text: string): Promise<readonly boolean[] | undefined> {
  const [description] = await describeTexts([text], database);
  if (!description || description instanceof DatabaseError) throw description ?? new Error('not described');
  return planProof(text, description, database);
}

test.runIf(testEngine() === 'cockroachdb').each([
  ['constraints', 'SELECT id, name, note FROM t', [true, true, false]],
  ['joins', 'SELECT a.name, b.name AS other FROM t AS a LEFT JOIN t AS b ON b.id = a.id + 1', [true, false]],
  ['conditions', 'SELECT note FROM t WHERE note > $1', [true]],
  ['names that need quotes', 'SELECT name AS "a b(c:1", note AS "Ü" FROM t', [true, false]],
  ['the same name twice', 'SELECT name, note AS name FROM t', [true, false]],
  ['hidden order', 'SELECT name FROM t ORDER BY note', [true]],
  [
    'its own syntax',
    'SELECT name, note FROM [UPSERT INTO t (id, name) VALUES ($1, $2) RETURNING *]',
    [true, false],
  ],
  ['history', "SELECT name, note FROM t AS OF SYSTEM TIME '-1h'", [true, false]],
  ['arrays of parameters', 'SELECT name FROM t WHERE id = ANY ($1) LIMIT $2', [true]],
  // A parameter may be NULL, and the plan must not know better.
  ['parameters', 'SELECT $1::INT8 + 1 AS next, COALESCE($2::STRING, name) AS shown FROM t', [false, false]],
] as const)('the plan proves by %s', async (_, text, expected) => {
  expect(await proofOf(text)).toEqual(expected);
});

test.runIf(testEngine() === 'cockroachdb').each([
  ['the clock', "SELECT note FROM t WHERE now() < '2020-01-01'"],
  ['the clock behind a view', 'SELECT note FROM late WHERE id = 1'],
  ['the clock behind a view of a view', 'SELECT note FROM later'],
  ['the session', "SELECT CASE current_user WHEN 'root' THEN 'x' ELSE note END AS x FROM t"],
  ['words for today', "SELECT note FROM t WHERE 'now'::TIMESTAMPTZ < '2020-01-01'"],
  ['no row', 'SELECT note FROM t WHERE id = 1 AND id = 2'],
])('the plan is not believed when it saw %s', async (_, text) => {
  expect(await proofOf(text)).toBeUndefined();
});

test.runIf(testEngine() === 'cockroachdb')(
  'parameters of a change that has no tree are known by the column they are stored in',
  () => {
    const assigned = (text: string) =>
      [...looseUses(text, database.catalog)].map(([n, use]) => [n, use.assigned[0]?.column.name]);
    expect(
      assigned('UPSERT INTO public.t (id, name, note) VALUES ($1, $2, $3::STRING), ($4, lower($5), $6)'),
    ).toEqual([
      [1, 'id'],
      [2, 'name'],
      [3, 'note'],
      [4, 'id'],
      [6, 'note'],
    ]);
    expect(assigned('UPDATE t SET name = $1, "note" = $2 WHERE id = $3 AND (at IS NAN)')).toEqual([
      [1, 'name'],
      [2, 'note'],
    ]);
    expect(assigned('INSERT INTO elsewhere (id) VALUES ($1)')).toEqual([]);
    expect(assigned('SELECT $1')).toEqual([]);
  },
);

test.runIf(testEngine() === 'cockroachdb')(
  '--explain tells where catalog, tree and plan do not say the same, and shows the plan, of parameters too',
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-explain-'));
    try {
      const config = { compile: [{ queries: 'q.sql', schema: 's.sql', out: 'out' }] };
      await writeFile(path.join(folder, 'holdfast.config.json'), JSON.stringify(config));
      await writeFile(path.join(folder, 's.sql'), schema);
      await writeFile(
        path.join(folder, 'q.sql'),
        `-- name: Pairs :many
SELECT a.name, b.name AS other FROM t AS a LEFT JOIN t AS b ON b.id > a.id;
-- name: Bracketed :many
SELECT name, note FROM [INSERT INTO t (id, name) VALUES (@id, @name) RETURNING name, note];
-- name: ById :maybe
SELECT name FROM t WHERE id = @id;
`,
      );
      const explain = (name: string) =>
        runCliInside([
          ...['compile', '--config', path.join(folder, 'holdfast.config.json')],
          ...['--url', inject('holdfast').url, '--explain', name],
        ]);
      const { stdout, code } = await explain('Pairs');
      expect(code).toBe(0);
      expect(stdout).toMatch(/name\s+text\s+string\s+t\.name is NOT NULL/);
      expect(stdout).toContain('sources that disagree');
      expect(stdout).toMatch(
        /other: catalog: never null; query tree: may be null \(a LEFT JOIN may leave b without a row\); plan: no proof/,
      );
      // Where there is no tree the plan alone is the proof.
      expect((await explain('Bracketed')).stdout).toMatch(
        /name\s+text\s+string\s+the plan: CockroachDB's optimizer proves it/,
      );
      // CockroachDB plans nothing without values: one of the parameter's type stands for any.
      const byId = (await explain('ById')).stdout;
      expect(byId).toContain('for values that stand for any');
      expect(byId).toMatch(/table: t@t_pkey[\s\S]*spans: /);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
