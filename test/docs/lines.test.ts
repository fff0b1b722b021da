import { access, readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { readPage, root } from './support/blocks.ts';

const LINES = Array.from({ length: 38 }, (_, i) => i + 1);

/** Rows of the table of lines in test/transact/README.md. */
async function rows() {
  const page = await readPage('test/transact/README.md');
  return [...page.matchAll(/^\| (\d+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$/gm)].map(
    ([, line, says, tests, sources]) => ({
      line: Number(line),
      says: says!,
      tests: [...tests!.matchAll(/\]\(([^)]+)\) `([^`]+)`/g)].map(([, file, name]) => ({
        file: normalize(join('test/transact', file!)),
        name: name!,
      })),
      sources: [...sources!.matchAll(/\]\(([^)]+)\)/g)].map(([, file]) =>
        normalize(join('test/transact', file!)),
      ),
    }),
  );
}

test('the table has a row for each line, in order, with a test and a source', async () => {
  const table = await rows();
  expect(table.map(({ line }) => line)).toEqual(LINES);
  for (const { line, says, tests, sources } of table) {
    expect(says.length, `line ${line}`).toBeGreaterThan(5);
    expect(tests.length, `line ${line}`).toBeGreaterThan(0);
    expect(sources.length, `line ${line}`).toBeGreaterThan(0);
  }
});

test('every test that is named is in its file, under the number of its line; every source is there', async () => {
  const wrong: string[] = [];
  for (const { line, tests, sources } of await rows()) {
    for (const { file, name } of tests) {
      const text = await readFile(join(root, file), 'utf8').catch(() => '');
      if (!text.includes(`'${name}'`) && !text.includes(`"${name}"`)) wrong.push(`${line}: ${file}: ${name}`);
      if (!new RegExp(`\\bline ${line}\\b`).test(name)) wrong.push(`${line}: not of this line: ${name}`);
    }
    for (const source of sources) {
      await access(join(root, source)).catch(() => wrong.push(`${line}: no file ${source}`));
    }
  }
  expect(wrong).toEqual([]);
});
