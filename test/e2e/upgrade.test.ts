import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEmptyTestDatabase, type TestDatabase } from '../support/database.ts';
import { Demo } from './support/demo.ts';

let database: TestDatabase;
let temporary: string;
let demo: Demo;
beforeEach(async () => {
  database = await createEmptyTestDatabase();
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  demo = new Demo('upgrade', database, temporary);
});
afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
  await database.drop();
});

test('units are upgraded while workers are killed, each transition with one outcome, twice in a row', async () => {
  for (let i = 0; i < 2; i++) {
    const { stdout } = await demo.run('--units', '8', '--workers', '3', '--kills', '4');
    expect(stdout).toMatch(
      /4 workers were killed; 8 units were upgraded twice, each transition with one outcome\n$/,
    );
  }
  expect(await readdir(temporary)).toEqual([]);
});

test('a wrong option is refused in one line', async () => {
  await expect(demo.run('--kills', 'many')).rejects.toMatchObject({
    code: 2,
    stderr: 'demo:upgrade: --units, --workers, --kills and --interval-ms are whole numbers from 1\n',
  });
});
