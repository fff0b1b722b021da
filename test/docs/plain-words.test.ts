import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './support/blocks.ts';

/** Words that were names for things that have standard ones; see docs/glossary.md. */
const RETIRED = /\b(flights?|elders?|poison(ed|s)?|strays?|whoever)\b/i;

/** Measured output and names of other systems are left as they are. */
const LEFT_OUT = /node_modules|performance\.md|\/dist\//;

test('code and pages use the words of the glossary', async () => {
  const found: string[] = [];
  for (const folder of ['src', 'queries', 'schema', 'docs', 'examples']) {
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      const path = join(folder, file);
      if (!/\.(ts|sql|md)$/.test(path) || LEFT_OUT.test(path)) continue;
      const lines = (await readFile(join(root, path), 'utf8')).split('\n');
      lines.forEach((line, i) => {
        // Links and quoted names of tests.
        if (RETIRED.test(line.replace(/\[[^\]]*\]\([^)]*\)|`[^`]*`/g, '')))
          found.push(`${path}:${i + 1}: ${line.trim()}`);
      });
    }
  }
  expect(found).toEqual([]);
});
