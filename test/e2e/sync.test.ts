import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processesNaming } from '../../examples/leases/host.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../examples/sync/main.ts', import.meta.url));

let database: TestDatabase;
let temporary: string;
beforeEach(async () => {
  database = await createTestDatabase();
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
});
afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
  await database.drop();
});

const env = () => ({
  ...process.env,
  TMPDIR: temporary,
  DATABASE_URL: database.url,
  HOLDFAST_DATABASE_URL: '',
});

test('the mirror of a registry is right at each step, and npm installs from it, twice in a row', async () => {
  for (let i = 0; i < 2; i++) {
    const { stdout } = await run(process.execPath, [main], { env: env() });
    expect(stdout).not.toContain('WRONG');
    expect(stdout).toMatch(/ ok {2}packages that npm installs with fastify: \d+\n/);
    expect(stdout).toMatch(/\nevery number is right\n$/);
  }
  expect(await readdir(temporary)).toEqual([]);
  await waitFor(async () => (await processesNaming(temporary)).length === 0);
});

test('an interrupted demo leaves no folder and no process', async () => {
  const child = spawn(process.execPath, [main], { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('  content declared')) child.kill('SIGINT');
  expect(await exited).toBe(130);
  expect(await readdir(temporary)).toEqual([]);
  await waitFor(async () => (await processesNaming(temporary)).length === 0);
});
