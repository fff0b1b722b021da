import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { originLinks } from '../../src/compiler/emit/origin.ts';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { slashed } from '../../src/compiler/source/source-file.ts';
import { createProject } from './support/project.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));

interface Followed {
  /** Name of the function. */
  readonly name: string;
  /** The line that its link leads to. */
  readonly line: string | undefined;
}

/** The functions of a generated module, each with where the link of its doc comment leads, as an editor follows it. */
async function follow(module: string): Promise<Followed[]> {
  const text = await readFile(module, 'utf8');
  // JSON shapes and codecs are declared in between.
  const functions = text.matchAll(/ @see \[.+:(\d+)\]\((\S+)#L(\d+)\)\n? \*\/\nexport const (\w+) = /g);
  return Promise.all(
    [...functions].map(async ([, shown, address, line, name]) => {
      expect(shown).toBe(line);
      const lines = (await readFile(new URL(address!, pathToFileURL(module)), 'utf8')).split('\n');
      return { name: name!, line: lines[Number(line) - 1] };
    }),
  );
}

describe('a generated function leads back to the line of its query', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ url: inject('holdfast').url });
  });
  afterAll(() => engine.close());

  const schema = { 'schema/1_t.up.sql': 'CREATE TABLE t (id INT8 PRIMARY KEY);' };
  const queries = `-- What stands here belongs to the file.

-- name: First :many
-- Says something.
SELECT id FROM t;

-- name: Second :exec
DELETE FROM t WHERE id = @id;
`;
  const lines = [
    { name: 'first', line: '-- name: First :many' },
    { name: 'second', line: '-- name: Second :exec' },
  ];

  test.each([
    { name: 'in a folder of outputs', out: 'src/db/made', module: 'src/db/made/t.ts' },
    { name: 'in the folder of the configuration', out: '.', module: 't.ts' },
    {
      name: 'beside its .sql file',
      out: 'sql/made',
      beside: '.queries.ts',
      module: 'sql/(a) [b]/t.queries.ts',
    },
    { name: 'outside of the folder of the configuration', out: `../${randomUUID()}`, module: undefined },
  ])('$name', async ({ name: _, module, ...target }) => {
    await using project = await createProject(
      { queries: 'sql', schema: 'schema', ...target },
      { ...schema, 'sql/(a) [b]/t.sql': queries },
    );
    expect(await project.compile(engine)).toEqual([]);
    const out = path.join(project.root, target.out);
    expect(await follow(module ? path.join(project.root, module) : path.join(out, 't.ts'))).toEqual(lines);
    if (!module) await rm(out, { recursive: true });
  });

  test('a query that moved changes the line in its doc comment, and nothing of the program', async () => {
    await using project = await createProject(
      { queries: 'sql', schema: 'schema', out: 'made' },
      { ...schema, 'sql/t.sql': queries },
    );
    const made = () => readFile(path.join(project.root, 'made', 't.ts'), 'utf8');
    await project.compile(engine);
    const before = await made();
    await project.put('sql/t.sql', `\n${queries}`);
    await project.compile(engine);
    expect(await follow(path.join(project.root, 'made/t.ts'))).toEqual(lines);
    const code = (text: string) => text.replace(/^ \* @see .*$|^\/\*\* @see .*$/gm, '');
    expect(await made()).not.toBe(before);
    expect(code(await made())).toBe(code(before));
  });
});

test('the functions that are committed here lead to their queries', async () => {
  const folders = ['src/queries', ...(await readdir(path.join(repository, 'examples'))).map(generatedOf)];
  const modules = await Promise.all(folders.map(modulesIn));
  const followed = await Promise.all(modules.flat().map(follow));
  expect(followed.flat().length).toBeGreaterThan(200);
  for (const { name, line } of followed.flat())
    expect(line?.toLowerCase()).toContain(`-- name: ${name.toLowerCase()} `);
});

const generatedOf = (example: string) => path.join('examples', example, 'generated');

async function modulesIn(folder: string): Promise<string[]> {
  const names = await readdir(path.join(repository, folder)).catch(() => []);
  return names.filter((name) => name.endsWith('.ts')).map((name) => path.join(repository, folder, name));
}

describe('on systems whose paths have backslashes and drives', () => {
  const { win32 } = path;

  test('a link has slashes', () => {
    const file = { path: slashed('sql\\t.sql', win32.sep), text: '\r\n\r\n-- name' };
    const link = originLinks(file, 'C:\\app', 'C:\\app\\src\\db\\t.ts', win32);
    expect(link(4)).toBe('[sql/t.sql:3](../../sql/t.sql#L3)');
  });

  test('a file on another drive, to which no relative path leads, is shown only', () => {
    const link = originLinks({ path: 'D:/sql/t.sql', text: '' }, 'C:\\app', 'C:\\app\\t.ts', win32);
    expect(link(0)).toBe('D:/sql/t.sql:1');
  });
});
