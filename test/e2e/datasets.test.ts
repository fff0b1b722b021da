import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../examples/datasets/main.ts', import.meta.url));

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

const demo = (...args: string[]) =>
  run(process.execPath, [main, ...args], {
    env: { ...process.env, TMPDIR: temporary, DATABASE_URL: database.url, HOLDFAST_DATABASE_URL: '' },
  });

test('tarballs go through every operation exactly once a generation, while workers are killed, twice in a row', async () => {
  for (let i = 0; i < 2; i++) {
    const { stdout } = await demo('--datasets', '8', '--workers', '3', '--kills', '4');
    expect(stdout).toMatch(
      /\d workers were killed; each operation of 8 datasets was finished exactly once a generation\n$/,
    );
  }
  expect(await readdir(temporary)).toEqual([]);
});

test('a wrong option is refused in one line', async () => {
  await expect(demo('--kills', 'many')).rejects.toMatchObject({
    code: 2,
    stderr: 'demo:datasets: --datasets, --workers, --kills and --interval-ms are whole numbers from 1\n',
  });
});
