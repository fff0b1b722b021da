import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Listening, listenForConsole } from '../../src/console/index.ts';
import { connect, type Database, runControlLoop, type Session, workHistory } from '../../src/index.ts';
import { EVIL, FACES, fillConsole, upgrade } from '../support/console-fixture.ts';
import { createTestDatabase } from '../support/database.ts';
import { seriousFindings } from './support/axe.ts';
import { launch, NARROW, open, shoot, shootForDocs, WIDE } from './support/browser.ts';

let db: Database;
let session: Session;
let server: Listening;
let readOnly: Listening;
let browser: Browser;
beforeAll(async () => {
  browser = await launch();
  db = await connect({ url: (await createTestDatabase()).url });
  session = await fillConsole(db);
  const options = { db, faces: [...FACES], pollMs: 200, author: 'ann' };
  server = await listenForConsole({ ...options, actions: true });
  readOnly = await listenForConsole(options);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await readOnly?.stop();
  await db?.close();
});

const isLive = (page: Page) => page.locator('.live:not(.off)').waitFor();

const PAGES: readonly [name: string, path: string][] = [
  ['overview', '/'],
  ['targets', '/lists/targets'],
  ['held work', '/lists/held'],
  ['kept back', '/lists/kept-back'],
  ['sessions', '/lists/sessions'],
  ['kinds', '/lists/kinds'],
  ['ended work', '/lists/ended?kind=Initialize'],
  ['janitor', '/lists/upkeep'],
  ['schema', '/lists/schema'],
  ['operations', '/lists/operations'],
  ['failures', '/lists/failures'],
  ['commands', '/lists/commands'],
  ['workflows', '/lists/workflows'],
  ['repositories', '/lists/repositories'],
  ['syncs', '/lists/syncs'],
  ['target', '/target?name=n7'],
  ['evil target', `/target?name=${encodeURIComponent(EVIL)}`],
  ['unknown target', '/target?name=nobody-knows-it'],
];

describe.each([WIDE, NARROW])('at $name', (how) => {
  test('every page opens without an error, a violation of its policy, another host, or a serious finding of axe', async () => {
    const { page, wrong, context } = await open(browser, how, server.url);
    const findings: string[] = [];
    for (const [name, path] of PAGES) {
      await page.goto(path);
      await isLive(page);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      if ((width as number) > how.viewport.width) findings.push(`${name}: ${width} px wide`);
      findings.push(...(await seriousFindings(page)).map((finding) => `${name}: ${finding}`));
      await shoot(page, `${name.replaceAll(' ', '-')}-${how.viewport.width}`);
    }
    expect(findings).toEqual([]);
    expect(wrong).toEqual([]);
    await context.close();
  });

  test('a stuck target is found in three clicks, its page says why, and it is made to move', async () => {
    const target = `stuck-${how.viewport.width}`;
    const [work] = await session.claim({ kind: 'Flash', candidates: () => [target] });
    await work!.cancel();
    await db.kinds.quarantine('Flash', target, 'the cable is loose');
    const { page, wrong, context } = await open(browser, how, server.url);
    await page.goto('/');
    // One: what is wrong now.
    await page.getByRole('link', { name: `${target} is quarantined: the cable is loose` }).click();
    await page.getByText('quarantined after 2 failures: the cable is loose').first().waitFor();
    // Two, three: what makes it move.
    await page.getByRole('button', { name: `Release: Flash ${target}` }).click();
    await page.getByLabel('Why? It stays in the history.').fill('cable replaced');
    await shoot(page, `release-${how.viewport.width}`);
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
    await page.getByRole('status').getByText(`Flash of ${target} is released`).waitFor();
    const loop = runControlLoop(db, {
      component: 'flasher',
      source: { kind: 'Flash', candidates: () => [target] },
      parallelism: 1,
      handle: (one) => one.finish(),
    });
    await page
      .getByText(/nothing holds it back: it finished/)
      .first()
      .waitFor();
    await loop.stop();
    expect((await workHistory(db, { target })).map(({ event, cause }) => [event, cause])).toContainEqual([
      'released',
      'cable replaced (by ann)',
    ]);
    expect(wrong).toEqual([]);
    await context.close();
  });
});

test('by keyboard alone: the search, a target, its action, the dialog and back', async () => {
  await db.kinds.quarantine('Flash', 'by-keyboard', 'for the keyboard');
  const { page, wrong, context } = await open(browser, WIDE, server.url);
  await page.goto('/');
  await isLive(page);
  await page.keyboard.press('Tab');
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the page');
  await page.keyboard.press('/');
  await page.keyboard.type('by-key');
  await page.keyboard.press('Enter');
  const link = page.getByRole('link', { name: 'by-keyboard' });
  await link.waitFor();
  expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe('/lists/targets?target=by-key');
  const tabTo = async (name: string) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent",
      );
      if (focused === name) return;
    }
    throw new Error(`no Tab leads to ${name}`);
  };
  await tabTo('by-keyboard');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Release: Flash by-keyboard' }).waitFor();
  await tabTo('Release: Flash by-keyboard');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await tabTo('Release: Flash by-keyboard');
  await page.keyboard.press('Enter');
  await page.keyboard.type('by hand');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText('Flash of by-keyboard is released').waitFor();
  expect(wrong).toEqual([]);
  await context.close();
});

test('without actions there is no button for one; with one that is refused, the dialog says why and stays', async () => {
  const { page, context } = await open(browser, WIDE, readOnly.url);
  await page.goto('/target?name=n7');
  await page.getByText('read only').waitFor();
  await page.getByText('quarantined').first().waitFor();
  expect(await page.getByRole('button', { name: /Release/ }).count()).toBe(0);
  await context.close();

  const acting = await open(browser, WIDE, server.url);
  await acting.page.goto('/target?name=n7');
  await acting.page.getByRole('button', { name: /^Set the state/ }).click();
  await acting.page.getByLabel('State', { exact: true }).fill('on fire');
  await acting.page.getByLabel('Why? It stays in the history.').fill('a test');
  await acting.page.getByRole('dialog').getByRole('button', { name: 'Set the state' }).click();
  await acting.page.getByRole('alert').getByText('"on fire" is none: there are drained').waitFor();
  await acting.context.close();
});

test('a page follows what happens without being loaded again, and a hidden one asks for nothing', async () => {
  const { page, wrong, context } = await open(browser, WIDE, server.url);
  await page.goto('/lists/targets?target=followed');
  await page.getByText('None.').waitFor();
  const [work] = await session.claim({ kind: 'Follow', candidates: () => ['followed'] });
  await page.getByRole('cell', { name: 'held' }).waitFor();
  await work!.fail('it broke');
  await page.getByRole('cell', { name: 'it broke' }).waitFor();
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
  await db.kinds.release('Follow', 'followed', 'nobody looks');
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  const watcher = await open(browser, WIDE, server.url);
  await watcher.page.goto('/lists/targets?target=followed');
  await watcher.page.getByRole('cell', { name: 'free' }).waitFor();
  expect(requests).toEqual([]);
  expect(await page.getByRole('cell', { name: 'it broke' }).count()).toBe(1);
  expect(wrong).toEqual([]);
  await watcher.context.close();
  await context.close();
});

test('the state machine of a target is drawn with its state and what is in flight, and follows both', async () => {
  const machine = 'rack3-node01';
  await upgrade.start(db, machine);
  const all = await session.claim(upgrade.source(), { wanted: 10 });
  const work = all.find(({ target }) => target === machine)!;
  for (const other of all) if (other !== work) await other.cancel();
  const gate = Promise.withResolvers<void>();
  const running = upgrade.run(work, { flash: () => gate.promise });
  const { page, wrong, context } = await open(browser, WIDE, server.url);
  await page.goto(`/target?name=${machine}`);
  await page.getByRole('img', { name: /the state is drained, and flash to flashed is in flight/ }).waitFor();
  await shootForDocs(page, 'console-workflow');
  gate.resolve();
  await running;
  await page.getByRole('img', { name: /the state is booted$/ }).waitFor();
  expect(wrong).toEqual([]);
  await context.close();
});
