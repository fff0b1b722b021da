import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const DOCS = fileURLToPath(new URL('../../../docs/images', import.meta.url));

/** Where screenshots go: kept as what the run has made. */
export const SHOTS = fileURLToPath(new URL('../out', import.meta.url));

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const LIMIT_MS = 600_000;

/** Debian's Chromium, or the one that HOLDFAST_CHROMIUM names. */
export async function launch(): Promise<Browser> {
  const executablePath = process.env['HOLDFAST_CHROMIUM'] ?? '/usr/bin/chromium';
  await access(executablePath).catch(() => {
    throw new Error(
      `there is no ${executablePath}: apt-get install chromium, or name another one in HOLDFAST_CHROMIUM`,
    );
  });
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

export const WIDE = {
  name: '1280 light',
  viewport: { width: 1280, height: 800 },
  colorScheme: 'light',
} as const;
export const NARROW = {
  name: '390 dark',
  viewport: { width: 390, height: 844 },
  colorScheme: 'dark',
} as const;

/** A page, and everything about it that should not be: errors, failed requests, violations of its policy, other hosts. */
export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly wrong: string[];
}

export async function open(
  browser: Browser,
  how: typeof WIDE | typeof NARROW,
  base: string,
): Promise<Watched> {
  const { viewport, colorScheme } = how;
  const context = await browser.newContext({ viewport, colorScheme, baseURL: base });
  // As the tests' own: a limit for what hangs.
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') wrong.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) wrong.push(`another host: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) wrong.push(`${response.status()} ${response.url()}`);
  });
  page.on('requestfailed', (request) => {
    // A page that one leaves ends its stream.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED')
      wrong.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  return { context, page, wrong };
}

export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** What the docs show; `UPDATE_SCREENSHOTS=1` puts it there. */
export async function shootForDocs(page: Page, name: string): Promise<void> {
  const folder = process.env['UPDATE_SCREENSHOTS'] ? DOCS : SHOTS;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
