import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { startEmbedded } from '../../src/database/embedded/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createEmptyTestDatabase, type TestDatabase, testEngine } from '../support/database.ts';
import { runCliInside } from '../support/run-cli-inside.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-dual-'));
  await mkdir(path.join(folder, 'queries'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFile(path.join(folder, name), text);
const configure = (target: object) =>
  put('holdfast.config.json', JSON.stringify({ compile: [{ queries: 'queries', out: 'out', ...target }] }));
const compile = (first: string, second: string, ...more: string[]) =>
  runCliInside([
    ...['compile', '--config', path.join(folder, 'holdfast.config.json')],
    ...['--url', first, '--url', second, ...more],
  ]);
const output = () => readFile(path.join(folder, 'out/q.ts'), 'utf8');

describe('two databases that disagree', () => {
  let narrow: TestDatabase;
  let wide: TestDatabase;
  beforeAll(async () => {
    [narrow, wide] = [await createEmptyTestDatabase(), await createEmptyTestDatabase()];
    await withAdmin(narrow.url, (client) => client.query('CREATE TABLE item (id TEXT NOT NULL, n INT4)'));
    await withAdmin(wide.url, (client) => client.query('CREATE TABLE item (id TEXT NOT NULL, n INT8)'));
    await withAdmin(narrow.url, (client) => client.query('CREATE TABLE only_here (id TEXT)'));
  });
  afterAll(async () => {
    await narrow.drop();
    await wide.drop();
  });
  beforeEach(() => configure({}));

  test('about a column are told with both types and the place; the first types what is written', async () => {
    await put('queries/q.sql', '-- name: Numbers :many\nSELECT id, n FROM item ORDER BY id;\n');
    const { code, stderr } = await compile(narrow.url, wide.url);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^queries\/q\.sql:1:4: warning HL010: Numbers: column n is int4 on \S+ v?\S+ and int8 on /m,
    );
    expect(stderr).toContain('cast it, so that both engines agree (or -- lint:ignore HL010 reason)');
    expect(stderr).not.toContain('column id');
    expect(await output()).toContain('readonly n: number | null;');
  });

  test('about a parameter are told as well', async () => {
    await put('queries/q.sql', '-- name: ByNumber :many\nSELECT id FROM item WHERE n = @n;\n');
    const { code, stderr } = await compile(narrow.url, wide.url);
    expect(code).toBe(0);
    expect(stderr).toMatch(/HL010: ByNumber: parameter n is int4 on .* and int8 on /);
  });

  test('about how many columns there are', async () => {
    await withAdmin(wide.url, (client) => client.query('CREATE TABLE grown (id TEXT, more TEXT)'));
    await withAdmin(narrow.url, (client) => client.query('CREATE TABLE grown (id TEXT)'));
    await put('queries/q.sql', '-- name: All :many\nSELECT * FROM grown;\n');
    const { code, stderr } = await compile(narrow.url, wide.url);
    expect(code).toBe(0);
    expect(stderr).toMatch(/HL010: All: 1 columns on .*, 2 on /);
  });

  test('are silenced in a query by a comment with a reason, and gone with a cast', async () => {
    await put(
      'queries/q.sql',
      `-- name: Numbers :many
-- lint:ignore HL010 the numbers are small
SELECT n FROM item;
-- name: Cast :many
SELECT n::INT8 AS n FROM item;
`,
    );
    const { code, stderr } = await compile(narrow.url, wide.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('about whether the query is valid: an error that names the engine, and nothing is written', async () => {
    await put('queries/q.sql', '-- name: Here :many\nSELECT id FROM only_here;\n');
    const { code, stderr } = await compile(narrow.url, wide.url);
    expect(code).toBe(1);
    expect(stderr).toMatch(/queries\/q\.sql:2:\d+: error 42P01: (PostgreSQL|CockroachDB) \S+: .*only_here/);
    expect(stderr).toContain('1 error; nothing was written');
    await expect(output()).rejects.toThrow('ENOENT');
  });

  test('are told in JSON when asked for', async () => {
    await put('queries/q.sql', '-- name: Numbers :many\nSELECT n FROM item;\n');
    const { stdout } = await compile(narrow.url, wide.url, '--format', 'json');
    const [finding = ''] = stdout.split('\n');
    expect(JSON.parse(finding)).toMatchObject({
      severity: 'warning',
      code: 'HL010',
      file: 'queries/q.sql',
      line: 1,
      query: 'Numbers',
    });
  });
});

test('three engines are a usage error', async () => {
  await configure({});
  await put('queries/q.sql', '-- name: One :one\nSELECT 1 AS one;\n');
  const { url } = inject('holdfast');
  const { code, stderr } = await compile(url, url, '--url', url);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('twice at most') });
});

test.runIf(testEngine() === 'cockroachdb')(
  'PostgreSQL and CockroachDB are told apart where they type a query differently',
  async () => {
    await mkdir(path.join(folder, 'schema'));
    await put(
      'schema/0001_item.up.sql',
      'CREATE TABLE item (id TEXT NOT NULL PRIMARY KEY, n INT4 NOT NULL);\n',
    );
    await configure({ schema: 'schema' });
    await put(
      'queries/q.sql',
      `-- name: Half :one
SELECT 1 / 2 AS half;
-- name: Total :one
SELECT sum(n) AS total FROM item;
-- name: Same :many
SELECT id, n, count(*) AS how_many FROM item GROUP BY id, n ORDER BY id;
`,
    );
    const embedded = await startEmbedded();
    try {
      const { code, stderr, stdout } = await compile(embedded.url, inject('holdfast').url);
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /HL010: Half: column half is int4 on PostgreSQL \S+ and numeric on CockroachDB v/,
      );
      expect(stderr).toMatch(
        /HL010: Total: column total is int8 on PostgreSQL \S+ and numeric on CockroachDB v/,
      );
      expect(stderr).not.toContain('Same');
      expect(stdout).toMatch(/3 queries compiled against PostgreSQL \S+ and CockroachDB v/);
      // The other way round CockroachDB types what is written.
      expect((await compile(inject('holdfast').url, embedded.url)).code).toBe(0);
      expect(await output()).toContain('readonly half: string;');
    } finally {
      await embedded.stop();
    }
  },
);
