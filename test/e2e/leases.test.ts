import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processesNaming } from '../../examples/leases/host.ts';
import { createEmptyTestDatabase, type TestDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait-for.ts';
import { Demo } from './support/demo.ts';

let database: TestDatabase;
let temporary: string;
let demo: Demo;
beforeEach(async () => {
  database = await createEmptyTestDatabase();
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  demo = new Demo('leases', database, temporary);
});
afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
  await database.drop();
});

test('each lease is released once and destroyed once, while workers are killed, twice in a row', async () => {
  for (let i = 0; i < 2; i++) {
    const { stdout } = await demo.run('--clients', '20', '--workers', '3', '--kills', '4');
    expect(stdout).toMatch(
      /\d workers were killed; each lease of 20 clients was released once and destroyed once, and nothing is left\n$/,
    );
  }
  expect(await readdir(temporary)).toEqual([]);
  await waitFor(async () => (await processesNaming(temporary)).length === 0);
});

test('an interrupted demo leaves no folder and no process', async () => {
  const child = spawn(process.execPath, [demo.main, '--clients', '20'], {
    env: demo.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout }))
    if (/resources: .*active/.test(line)) child.kill('SIGINT');
  expect(await exited).toBe(130);
  expect(await readdir(temporary)).toEqual([]);
  await waitFor(async () => (await processesNaming(temporary)).length === 0);
});

test('a wrong option is refused in one line', async () => {
  await expect(demo.run('--kills', 'many')).rejects.toMatchObject({
    code: 2,
    stderr: 'demo:leases: --clients, --workers, --kills, --seed and --interval-ms are whole numbers from 1\n',
  });
});
