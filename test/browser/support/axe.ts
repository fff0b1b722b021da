import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

const source = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

interface Result {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string | null;
    readonly help: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** What keeps people from using the page: findings that are serious or critical, one line each. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // By the debugger's protocol, so that the page's own policy stays as it is.
  await page.evaluate(source);
  const { violations } = (await page.evaluate('axe.run()')) as Result;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}
