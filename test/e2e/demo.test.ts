import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commandLineOf } from '../../examples/fleet/src/provider/process-table.ts';
import { writeInventory } from '../fleet/support/fleet.ts';
import { createTestDatabase, type TestDatabase, waitFor } from '../support/database.ts';

const main = fileURLToPath(new URL('../../examples/fleet/main.ts', import.meta.url));

let database: TestDatabase;
let temporary: string;
let inventory: Awaited<ReturnType<typeof writeInventory>>;
beforeEach(async () => {
  database = await createTestDatabase();
  inventory = await writeInventory(['a', 'b', 'c', 'd']);
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  await chmod(temporary, 0o755);
});
afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
  await inventory[Symbol.asyncDispose]();
  await database.drop();
});

/** Starts the demo and resolves when it has killed its first component: by then everything is under way. */
async function startDemo() {
  const child = spawn(process.execPath, [main, 'demo', '--inventory', inventory.file], {
    env: { ...process.env, TMPDIR: temporary, DATABASE_URL: database.url, HOLDFAST_DATABASE_URL: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line.includes('SIGKILL')) resolve();
    });
    void exited.then((how) => reject(new Error(`the demo ended: ${how}`)));
  });
  return { child, exited, lines };
}

/** The processes that have left a trace in the demo's folder: components in their logs, agents in their folders. */
async function kinds(): Promise<number[]> {
  const names = await readdir(temporary, { recursive: true }).catch(() => []);
  const files = names.filter((name) => /\/logs\/.*\.log$|agent\.json$/.test(name));
  const texts = await Promise.all(
    files.map((name) => readFile(join(temporary, name), 'utf8').catch(() => '')),
  );
  return [
    ...new Set(texts.flatMap((text) => [...text.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid)))),
  ];
}

async function pidOf(replica: string): Promise<number> {
  const [name] = (await readdir(temporary, { recursive: true })).filter((file) =>
    file.endsWith(`/logs/${replica}.log`),
  );
  const pids = [...(await readFile(join(temporary, name!), 'utf8')).matchAll(/"pid":(\d+)/g)];
  return Number(pids.at(-1)![1]);
}

const isOurs = async (pid: number) => (await commandLineOf(pid)).includes(main);

async function nothingIsLeft(pids: readonly number[]): Promise<void> {
  await waitFor(async () => (await readdir(temporary)).every((name) => !name.startsWith('holdfast-demo-')), {
    what: 'the folder to go',
  });
  await waitFor(async () => !(await Promise.all(pids.map(isOurs))).includes(true), {
    what: 'the processes to end',
  });
}

test.each(['SIGINT', 'SIGKILL'] as const)(
  '%s to the demo leaves no process and no file',
  async (signal) => {
    const { child, exited } = await startDemo();
    const pids = await kinds();
    expect(pids.length).toBeGreaterThanOrEqual(9);
    child.kill(signal);
    expect(await exited).toBe(signal === 'SIGINT' ? 130 : 'SIGKILL');
    await nothingIsLeft(pids);
  },
  90_000,
);

test('kill -9 by somebody else, of every component that the demo does not kill itself, heals', async () => {
  const { exited, lines } = await startDemo();
  const victims = ['provisioner-1', 'recoverer-1', 'installer-1', 'agent-api-1', 'janitor-1'];
  for (const pid of await Promise.all(victims.map(pidOf))) process.kill(pid, 'SIGKILL');
  expect(await exited, lines.join('\n')).toBe(0);
  const said = lines.join('\n');
  for (const victim of victims) {
    expect(said).toContain(`SIGKILL by somebody else: ${victim} `);
    expect(said).toContain(`${victim} is started again`);
  }
  expect(said.match(/^ {2}ok {6}/gm)).toHaveLength(6);
});
