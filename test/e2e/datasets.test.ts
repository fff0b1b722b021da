import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEmptyTestDatabase, type TestDatabase } from '../support/database.ts';
import { Demo } from './support/demo.ts';

let database: TestDatabase;
let temporary: string;
let demo: Demo;
beforeEach(async () => {
  database = await createEmptyTestDatabase();
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  demo = new Demo('datasets', database, temporary);
});
afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
  await database.drop();
});

test('tarballs go through every operation exactly once a generation, while workers are killed, twice in a row', async () => {
  for (let i = 0; i < 2; i++) {
    const { stdout } = await demo.run('--datasets', '8', '--workers', '3', '--kills', '4');
    expect(stdout).toMatch(
      /\d workers were killed; each operation of 8 datasets was finished exactly once a generation\n$/,
    );
  }
  expect(await readdir(temporary)).toEqual([]);
});

/** Starts the demo and kills it when its operations are enabled, while its workers are starting. */
async function interrupt() {
  const main = demo.start('--datasets', '8', '--workers', '3');
  const closed = once(main, 'close');
  const lines = createInterface(main.stdout);
  for (let line = ''; !line.startsWith('upload'); ) [line] = await once(lines, 'line');
  main.kill('SIGKILL');
  return { closed };
}

test('workers end with their parent, though it dies while they are starting', async () => {
  const { closed } = await interrupt();
  await closed;
});

test('a run takes nothing that an interrupted one has left', async () => {
  const { closed } = await interrupt();
  const { stdout } = await demo.run('--datasets', '8', '--workers', '3', '--kills', '4');
  expect(stdout).toMatch(/finished exactly once a generation\n$/);
  await closed;
});

test('a wrong option is refused in one line', async () => {
  await expect(demo.run('--kills', 'many')).rejects.toMatchObject({
    code: 2,
    stderr: 'demo:datasets: --datasets, --workers, --kills and --interval-ms are whole numbers from 1\n',
  });
});
