import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../src/migrate/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { type Block, blocksOf, fileOf, isRun, pages, readPage, root } from './support/blocks.ts';
import { ExampleProject, type PageRun, runNode } from './support/project.ts';

const names = await pages();
const blocks = (await Promise.all(names.map(blocksOf))).flat();
const ofPage = (page: string) => blocks.filter((block) => block.page === page);
const place = ({ page, line }: Block) => `${page}:${line}`;

/** The output that the page shows for a block: the block behind it (and behind how to run it), if it is marked so. */
function shownOutput(block: Block): string | undefined {
  const next = blocks.slice(blocks.indexOf(block) + 1).find(({ language }) => language !== 'sh');
  return next?.page === block.page && next.words.includes('output') ? next.text : undefined;
}

let project: ExampleProject;
beforeAll(async () => {
  project = await ExampleProject.create();
  for (const block of blocks) {
    if (block.language === 'ts' || fileOf(block) !== undefined) await project.write(block);
  }
  for (const page of names) await compileQueries(page);
});
afterAll(() => project?.[Symbol.asyncDispose]());

/** A page that shows queries gets them compiled, against the schema that it shows. */
async function compileQueries(page: string): Promise<void> {
  const files = ofPage(page).flatMap((block) => fileOf(block) ?? []);
  if (!files.some((file) => file.startsWith('queries/'))) return;
  const cwd = project.pageFolder(page);
  const target = { queries: 'queries', schema: [join(root, 'schema/holdfast'), 'schema'], out: 'queries' };
  await writeFile(join(cwd, 'holdfast.config.json'), JSON.stringify({ compile: [target] }));
  await using database = await createTestDatabase();
  const { code, stderr } = await runNode([join(root, 'src/cli/main.ts'), 'compile', '--url', database.url], {
    cwd,
  });
  expect(stderr, page).toBe('');
  expect(code).toBe(0);
}

test('every TypeScript example type-checks', async () => {
  expect(await project.typeCheck()).toBe('');
});

test('every example that runs shows its output or asserts: it can fail', () => {
  const silent = blocks.filter(
    (block) =>
      block.language === 'ts' &&
      isRun(block) &&
      shownOutput(block) === undefined &&
      !block.text.includes("from 'node:assert"),
  );
  expect(silent.map(place)).toEqual([]);
});

test('every block is marked in a way that this suite knows, and begins at the margin', async () => {
  const known = /^(run|output|file=[\w./-]+)$/;
  expect(blocks.filter(({ words }) => !words.every((word) => known.test(word))).map(place)).toEqual([]);
  for (const page of names) expect((await readPage(page)).match(/^[ \t]+```/gm), page).toBeNull();
});

describe.each(names.filter((page) => ofPage(page).some(isRun)))('%s', (page) => {
  const examples = ofPage(page).filter(isRun);
  let ran: PageRun;
  beforeAll(async () => {
    await using database = await createTestDatabase();
    if (ofPage(page).some((block) => fileOf(block)?.startsWith('schema/')))
      await migrate(database.url, { sets: ['holdfast', join(project.pageFolder(page), 'schema')] });
    // In the page's order, on one database: an example may use what one before it has left.
    ran = await project.runPage(examples, database.url);
  });

  test.each(examples)('the example at line $line does what it says', (block) => {
    const result = ran.results[examples.indexOf(block)];
    if (result === undefined) throw new Error(`did not get to an end\n${ran.stderr}`);
    expect(result.error, `${place(block)}\n${result.error}`).toBeUndefined();
    const shown = shownOutput(block);
    if (shown !== undefined) expect(result.output).toBe(shown);
  });

  test('no example leaves anything running', () => {
    expect(ran.code, ran.stderr).toBe(0);
  });
});
