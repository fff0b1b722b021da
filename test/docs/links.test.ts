import { access } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { pages, readPage, root } from './support/blocks.ts';

const names = [
  ...(await pages()),
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'examples/fleet/README.md',
  'examples/leases/README.md',
  'test/transact/README.md',
];

/** As GitHub makes them: lower case, punctuation dropped, spaces to hyphens. */
const anchorOf = (heading: string) =>
  heading
    .replaceAll('`', '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const withoutCode = (text: string) => text.replaceAll(/^```[\s\S]*?^```$/gm, '');

async function anchorsOf(page: string): Promise<readonly string[]> {
  const text = withoutCode(await readPage(page));
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
}

async function linksOf(page: string): Promise<readonly string[]> {
  const text = withoutCode(await readPage(page)).replaceAll(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

test('every relative link leads to a file, and to a heading of it', async () => {
  const broken: string[] = [];
  for (const page of names) {
    for (const link of await linksOf(page)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path, anchor] = link.split('#');
      const target = path ? normalize(join(dirname(page), path)) : page;
      const exists = await access(join(root, target)).then(
        () => true,
        () => false,
      );
      const leads = exists && (!anchor || (await anchorsOf(target)).includes(anchor));
      if (!leads) broken.push(`${page}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
});

test('docs/README.md lists every page', async () => {
  const listed = await linksOf('docs/README.md');
  const all = (await pages()).filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
  expect(all.map((page) => page.slice(5)).filter((page) => !listed.includes(page))).toEqual([]);
});
