import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './support/blocks.ts';

/** Words that were names for things that have standard ones; see docs/glossary.md, which has `in flight`. */
const RETIRED = /\b((?<!\bin[ -])flights?|elders?|poison(ed|s)?|strays?|whoever|hearts?)\b/i;

/** A sentence that begins so lacks its subject. */
const WITHOUT_SUBJECT = /(^|[.:] |\* |\/\/ |-- )Of an?\b/;

/** Measured output and names of other systems are left as they are. */
const LEFT_OUT = /node_modules|performance\.md|plain-words|\/dist\//;

test('code and pages use the words of the glossary', async () => {
  const found: string[] = [];
  for (const folder of ['src', 'queries', 'schema', 'docs', 'examples', 'test', 'bench', 'scripts']) {
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      const path = join(folder, file);
      if (!/\.(ts|sql|md)$/.test(path) || LEFT_OUT.test(path)) continue;
      const lines = (await readFile(join(root, path), 'utf8')).split('\n');
      lines.forEach((line, i) => {
        // Links and quoted names of tests.
        const prose = line.replace(/\[[^\]]*\]\([^)]*\)|`[^`]*`/g, '');
        if (RETIRED.test(prose) || WITHOUT_SUBJECT.test(prose))
          found.push(`${path}:${i + 1}: ${line.trim()}`);
      });
    }
  }
  expect(found).toEqual([]);
});
