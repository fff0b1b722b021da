import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeInventory } from '../fleet/support/fleet.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { launch, NARROW, open, shoot, shootForDocs, WIDE } from './support/browser.ts';

const main = fileURLToPath(new URL('../../examples/fleet/main.ts', import.meta.url));

let database: TestDatabase;
let temporary: string;
let inventory: Awaited<ReturnType<typeof writeInventory>>;
let browser: Browser;
beforeAll(async () => {
  browser = await launch();
  database = await createTestDatabase();
  inventory = await writeInventory(['rack1-node01', 'rack1-node02', 'rack2-node01', 'rack2-node02']);
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  await chmod(temporary, 0o755);
});
afterAll(async () => {
  await browser?.close();
  if (temporary) await rm(temporary, { recursive: true, force: true });
  await inventory?.[Symbol.asyncDispose]();
});

/** The demo with its console, line by line. */
function startDemo() {
  const child = spawn(process.execPath, [main, 'demo', '--console', '--inventory', inventory.file], {
    env: { ...process.env, TMPDIR: temporary, DATABASE_URL: database.url, HOLDFAST_DATABASE_URL: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  const lines: string[] = [];
  const waiting: { readonly pattern: RegExp; readonly found: (match: RegExpExecArray) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const { pattern, found } of waiting) {
      const match = pattern.exec(line);
      if (match) found(match);
    }
  });
  const said = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((found, reject) => {
      for (const line of lines) {
        const match = pattern.exec(line);
        if (match) found(match);
      }
      waiting.push({ pattern, found });
      void exited.then((how) =>
        reject(new Error(`the demo ended (${how}) before it said ${pattern}:\n${lines.join('\n')}`)),
      );
    });
  return { child, exited, lines, said };
}

test('the demo is watched while it kills and heals; its stuck machine is found in three clicks and made to move', async () => {
  const demo = startDemo();
  const [, url] = await demo.said(/the console is at (\S+)$/);
  const { page, wrong, context } = await open(browser, WIDE, url!);

  // A machine from provided to running, while a component is killed.
  await page.goto('/lists/machines?name=rack1-node01');
  const machine = page.getByRole('row', { name: /rack1-node01/ });
  // A host may be so slow that it runs before it is looked at.
  await machine
    .getByText(/^(provided|running)$/)
    .first()
    .waitFor();
  await demo.said(/SIGKILL/);
  await machine.getByText('running', { exact: true }).waitFor();
  await machine.getByRole('link').click();
  await page.getByText('agent heartbeat at').first().waitFor();
  for (const done of ['FleetProvision', 'FleetInitialize'])
    await page.locator('.timeline li', { hasText: done }).filter({ hasText: 'finished' }).first().waitFor();
  await shoot(page, 'machine-1280');

  const [, name] = await demo.said(/(\S+) is stuck: find out why/);
  const narrow = await open(browser, NARROW, url!);
  await narrow.page.goto('/');
  await narrow.page.getByText('is quarantined').waitFor();
  await shoot(narrow.page, 'demo-overview-390');
  await shootForDocs(narrow.page, 'console-narrow');

  await page.goto('/');
  // One: what is wrong now. Two and three: what makes it move.
  const problem = page.getByRole('link', { name: /is quarantined: the demo killed its agent/ });
  await problem.waitFor();
  await shootForDocs(page, 'console-overview');
  await problem.click();
  const release = page.getByRole('button', { name: /^Release: FleetRecover/ });
  await release.waitFor();
  await shootForDocs(page, 'console-target');
  await release.click();
  await page.getByLabel('Why? It stays in the history.').fill('seen enough of it');
  await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
  await page
    .getByRole('status')
    .getByText(/^FleetRecover of .* is released$/)
    .waitFor();
  await page
    .getByText(/released.*seen enough of it/)
    .first()
    .waitFor();
  // The recoverer has it, and its end is in the time line.
  await page
    .locator('.timeline li', { hasText: 'FleetRecover' })
    .filter({ hasText: 'finished' })
    .filter({ hasText: 'token' })
    .first()
    .waitFor();
  await narrow.page.getByText('is quarantined').waitFor({ state: 'detached' });

  expect([...wrong, ...narrow.wrong]).toEqual([]);
  await context.close();
  await narrow.context.close();
  demo.child.kill('SIGINT');
  expect(await demo.exited).toBe(0);
  expect(name).toMatch(/^rack/);
});
