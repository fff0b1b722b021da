import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { corpus, schemaText, sqlcText } from '../../bench/compile/corpus.ts';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import {
  compileTargets,
  formatDiagnostic,
  QueryCache,
  readConfig,
  readTargets,
} from '../../src/compiler/index.ts';
import { countingEngine } from './support/counting-engine.ts';

let real: Engine;
beforeAll(async () => {
  real = await openEngine({ url: inject('holdfast').url });
});
afterAll(() => real.close());

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-cache-'));
  await mkdir(path.join(folder, 'queries'));
  await put('schema.sql', schema);
  await put('queries/notes.sql', queries);
  await configure({});
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const schema = `CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE TABLE note (note_id INT8 NOT NULL PRIMARY KEY, body TEXT NOT NULL, mood mood NOT NULL, author TEXT);
`;
const queries = `-- name: GetNote :one
SELECT body, mood FROM note WHERE note_id = @note_id;

-- name: ListAuthors :many
SELECT author, mood FROM note ORDER BY note_id;

-- name: DeleteAll :exec
DELETE FROM note;
`;

const put = (name: string, text: string) => writeFile(path.join(folder, name), text);
const configure = (more: object) =>
  put(
    'holdfast.config.json',
    JSON.stringify({ compile: [{ queries: 'queries', schema: 'schema.sql', out: 'out', ...more }] }),
  );

/** One run: what was asked of the engine, what came out, and what was said. */
async function run(changes: Partial<Engine> = {}) {
  const config = await readConfig(path.join(folder, 'holdfast.config.json'));
  const asked = countingEngine(real, changes);
  const { compiled, diagnostics } = await compileTargets(
    await readTargets(config),
    asked.engine,
    new QueryCache(config),
  );
  return {
    databases: asked.databases,
    described: asked.described,
    outputs: Object.fromEntries(compiled[0]?.outputs ?? []),
    said: diagnostics.map(formatDiagnostic),
  };
}

async function cacheFiles(): Promise<string[]> {
  const root = path.join(folder, '.holdfast/compile');
  const names = await readdir(root, { recursive: true });
  return names.filter((name) => name.endsWith('.json')).map((name) => path.join(root, name));
}

test('of 1,000 queries the one that changed is described, and no other; of 1,000 unchanged ones none', async () => {
  await put('schema.sql', schemaText());
  const thousand = corpus(1000);
  const write = async (list: typeof thousand) => {
    await rm(path.join(folder, 'queries/notes.sql'), { force: true });
    for (let i = 0; i < 1000; i += 50)
      await put(`queries/file${i / 50}.sql`, sqlcText(list.slice(i, i + 50)));
  };
  await write(thousand);
  const cold = await run();
  expect(cold.described.length).toBe(1000);
  const again = await run();
  expect(again).toEqual({ ...cold, databases: 0, described: [] });
  const changed = 'SELECT name FROM entity_3 WHERE id = PARAM(id)';
  await write(thousand.with(120, { name: 'Query120', command: 'one', sql: changed }));
  const one = await run();
  expect(one.described).toEqual(['SELECT name FROM entity_3 WHERE id = $1']);
  const differ = Object.keys(one.outputs).filter((name) => one.outputs[name] !== cold.outputs[name]);
  expect(differ).toEqual(['file2.ts']);
});

describe('what is known of a query is forgotten when it changes in', () => {
  const all = 3;
  test.each<[what: string, described: number, change: () => Promise<unknown>]>([
    ['its statement', 1, () => put('queries/notes.sql', queries.replace('body, mood', 'body'))],
    ['its annotation', 1, () => put('queries/notes.sql', queries.replace(':one', ':maybe'))],
    ['its name', 1, () => put('queries/notes.sql', queries.replace('GetNote', 'GetTheNote'))],
    [
      'what it ignores',
      1,
      () => put('queries/notes.sql', queries.replace('DELETE', '-- lint:ignore HL006 a test\nDELETE')),
    ],
    ['a migration', all, () => put('schema.sql', schema.replace("'sad'", "'sad', 'new'"))],
    ['how types are chosen', all, () => configure({ int8: 'number' })],
    [
      'an override of columns',
      all,
      () => configure({ overrides: { columns: { 'note.author': { nullable: false } } } }),
    ],
    [
      'its own override',
      1,
      () => configure({ overrides: { queries: { GetNote: { body: { nullable: true } } } } }),
    ],
    ['the tables that lints look at', all, () => configure({ largeTables: ['note'] })],
    ['the version of the engine', all, async () => ({ version: 'PostgreSQL 99.1' })],
    ['the settings of the engine', all, async () => ({ fingerprint: 'another' })],
  ])('%s', async (_, described, change) => {
    await run();
    const changes = ((await change()) ?? {}) as Partial<Engine>;
    expect((await run(changes)).described.length).toBe(described);
    expect((await run(changes)).described.length).toBe(0);
  });

  test.each<[what: string, change: () => Promise<void>]>([
    ['not in its place', () => put('queries/notes.sql', `-- Notes.\n\n\n${queries}`)],
    [
      'not in its doc comment',
      () => put('queries/notes.sql', queries.replace('SELECT body', '-- One.\nSELECT body')),
    ],
    [
      'not in how modules are written',
      () => configure({ zod: true, importExtension: '.js', runtime: '../x.ts' }),
    ],
  ])('%s', async (_, change) => {
    const before = await run();
    await change();
    const after = await run();
    expect(after.databases).toBe(0);
    await rm(path.join(folder, '.holdfast'), { recursive: true });
    expect(await run()).toMatchObject({ outputs: after.outputs, said: after.said });
    expect(after.said.length).toBe(before.said.length);
  });
});

test('what was said of a query is said again, where it stands now', async () => {
  expect((await run()).said).toEqual([expect.stringMatching(/^queries\/notes\.sql:8:1: warning HL006/)]);
  await put('queries/notes.sql', `\n\n${queries}`);
  const { said, databases } = await run();
  expect({ databases, said }).toEqual({
    databases: 0,
    said: [expect.stringMatching(/^queries\/notes\.sql:10:1: warning HL006/)],
  });
});

test('two engines in turns are asked once each', async () => {
  const other = { version: 'PostgreSQL 99.1' };
  expect((await run()).described.length).toBe(3);
  expect((await run(other)).described.length).toBe(3);
  expect((await run()).described.length).toBe(0);
  expect((await run(other)).described.length).toBe(0);
});

test('after a run with an error only what was wrong is asked about again', async () => {
  await put('queries/notes.sql', queries.replace('body, mood', 'nope'));
  expect((await run()).said[0]).toContain('error 42703');
  await put('queries/notes.sql', queries);
  expect((await run()).described).toEqual(['SELECT body, mood FROM note WHERE note_id = $1']);
});

test('without a schema nothing is kept: the database may be another by now', async () => {
  await put('queries/notes.sql', '-- name: One :one\nSELECT 1 AS one;\n');
  await configure({ schema: [] });
  await run();
  expect((await run()).described).toEqual(['SELECT 1 AS one']);
});

describe('a cache file is not believed, and no error, that is', () => {
  test.each<[what: string, harm: (file: string) => Promise<unknown>]>([
    ['half written', async (file) => truncate(file, Math.floor((await readFile(file)).length / 2))],
    ['empty', (file) => truncate(file, 0)],
    [
      'changed by a byte',
      async (file) =>
        writeFile(
          file,
          (await readFile(file, 'utf8'))
            .replace('GetNote', 'GetNose')
            .replace('"nullable":false', '"nullable":true '),
        ),
    ],
    ['something else altogether', (file) => writeFile(file, Buffer.from([0, 255, 10, 123]))],
    ['JSON of another shape', (file) => writeFile(file, '{"queries":7}')],
    [
      'a folder',
      async (file) => {
        await rm(file);
        await mkdir(file);
      },
    ],
  ])('%s', async (_, harm) => {
    const before = await run();
    const [file] = await cacheFiles();
    await harm(file!);
    const after = await run();
    expect(after.described.length).toBe(3);
    expect(after).toMatchObject({ outputs: before.outputs, said: before.said });
  });

  test('of a run that ended while it wrote', async () => {
    await run();
    const [file] = await cacheFiles();
    await writeFile(`${file}.1`, 'half');
    await put('queries/notes.sql', queries.replace('body, mood', 'body'));
    expect((await run()).described.length).toBe(1);
    expect(await readdir(path.dirname(file!))).toEqual([path.basename(file!)]);
  });

  test('where it cannot be written', async () => {
    await put('.holdfast', 'a file where the folder would be');
    expect((await run()).described.length).toBe(3);
    expect((await run()).described.length).toBe(3);
  });
});
