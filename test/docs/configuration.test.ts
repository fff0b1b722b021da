import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { withTables } from '../../scripts/option-tables.ts';
import { createProgram } from '../../src/cli/program.ts';
import { readPage, root } from './support/blocks.ts';

const page = await readPage('docs/configuration.md');

/** Names in src that are variables of the environment, so not codes of errors. */
async function variablesOfSource(): Promise<readonly string[]> {
  const files: string[] = [];
  for (const file of await readdir(join(root, 'src'), { recursive: true }))
    if (file.endsWith('.ts')) files.push(join(root, 'src', file));
  const text = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
  const codes = new Set(
    [...text.matchAll(/(?:\bcode = |^ {2}\| )'(HOLDFAST_\w+)'/gm)].map(([, code]) => code),
  );
  const names = [...text.matchAll(/\bHOLDFAST_[A-Z_]*[A-Z]\b/g), ...text.matchAll(/\bOTEL_[A-Z_]*[A-Z]\b/g)];
  return [...new Set(names.map(([name]) => name))].filter(
    (name) => !codes.has(name) && !name.startsWith('HOLDFAST_FLEET'),
  );
}

function variablesOf(command: Command): readonly string[] {
  const own = command.options.flatMap(({ envVar }) => envVar ?? []);
  return [...own, ...command.commands.flatMap(variablesOf)];
}

test('every environment variable that the code reads is on the page', async () => {
  const read = [...(await variablesOfSource()), 'DATABASE_URL', ...variablesOf(await createProgram())];
  expect([...new Set(read)].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('the tables of options are what the schemas say', async () => {
  expect(await withTables(page), 'npm run docs:options').toBe(page);
});
