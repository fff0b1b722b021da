import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPage, root } from './support/blocks.ts';

/** `CODE ClassName` of every error class in src and the fleet that has a code of its own. */
async function errorClasses(): Promise<readonly string[]> {
  const files: string[] = [];
  for (const folder of [join(root, 'src'), join(root, 'examples', 'fleet', 'src')])
    for (const file of await readdir(folder, { recursive: true }))
      if (file.endsWith('.ts')) files.push(join(folder, file));
  const found = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, 'utf8');
      if (file.endsWith('misuse-error.ts'))
        return [...text.matchAll(/^ {2}\| '(HOLDFAST_\w+)'/gm)].map(([, code]) => `${code} MisuseError`);
      return [...text.matchAll(/\bcode = '(HOLDFAST_\w+)'/g)].map(({ 1: code, index }) => {
        const classes = [...text.slice(0, index).matchAll(/\bclass (\w+)/g)];
        return `${code} ${classes.at(-1)?.[1]}`;
      });
    }),
  );
  return found.flat().sort();
}

/** The same from the tables: | `CODE` | ClassName | meaning | committed? | what to do | */
async function tableRows(): Promise<readonly (readonly string[])[]> {
  const text = await readPage('docs/errors.md');
  return [...text.matchAll(/^\| `(HOLDFAST_\w+)` \|(.*)\|$/gm)].map(([, code, rest]) => [
    code!,
    ...rest!.split('|').map((cell) => cell.trim().replaceAll('`', '')),
  ]);
}

test('docs/errors.md has every error class with a code, and nothing else', async () => {
  const documented = (await tableRows()).map(([code, name]) => `${code} ${name}`);
  expect(documented.toSorted()).toEqual(await errorClasses());
});

test('each says what it means, whether anything was committed, and what to do', async () => {
  const unfinished = (await tableRows()).filter((cells) => cells.length !== 5 || cells.includes(''));
  expect(unfinished).toEqual([]);
});
