/**
 * `npm run demo:leases`: clients lease ports and working folders of this host through worker processes that are killed at
 * random. Then it looks, by SQL and at the host, whether everything is gone, and each lease was destroyed and released once.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect, type Database, migrate, runJanitor } from '../../src/index.ts';
import { Board } from './board.ts';
import { check } from './checks.ts';
import { runClient } from './client.ts';
import { findings } from './generated/checks.ts';
import { Host } from './host.ts';
import { LEASES_SCHEMA } from './phases.ts';
import { reading, resources } from './queues.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '100' },
    workers: { type: 'string', default: '4' },
    kills: { type: 'string', default: '12' },
    'interval-ms': { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(randomInt(1, 2 ** 31)) },
  },
});
const [clients, workers, kills, seed, intervalMs] = [
  values.clients,
  values.workers,
  values.kills,
  values.seed,
  values['interval-ms'],
].map(Number) as [number, number, number, number, number];
if (![clients, workers, kills, seed, intervalMs].every((value) => Number.isInteger(value) && value > 0)) {
  console.error(
    'demo:leases: --clients, --workers, --kills, --seed and --interval-ms are whole numbers from 1',
  );
  process.exit(2);
}

/** Resources that the host bears: fewer than the clients would like. */
const MOST = 8;
const root = await mkdtemp(join(tmpdir(), 'holdfast-leases-'));
const host = new Host(`run${randomBytes(3).toString('hex')}`, root, process.pid);
const children = new Set<ChildProcess>();
let stopping = false;
let killed = 0;

// From one seed, the same choices of whom to kill and when.
let state = seed;
const random = () => {
  state = (state * 48_271) % 2_147_483_647;
  return state / 2_147_483_647;
};

function startWorker(url: string): void {
  const child = fork(
    new URL('worker.ts', import.meta.url),
    [host.name, host.root, String(process.pid), String(MOST), String(intervalMs)],
    { env: { ...process.env, DATABASE_URL: url, HOLDFAST_DATABASE_URL: '' } },
  );
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (!stopping) startWorker(url);
  });
}

/** One after the other, while there is something that it can interrupt. */
async function killWorkers(board: Board, signal: AbortSignal): Promise<void> {
  while (killed < kills) {
    await board.until(() => board.isMoving());
    await sleep(300 + random() * 900, undefined, { signal });
    const victim = [...children][Math.floor(random() * children.size)];
    if (victim?.kill('SIGKILL')) killed++;
  }
}

/** One line that changes in place on a terminal; elsewhere a line a second, if it has changed. */
const shown = { line: '', at: 0 };
function show(standing: string): void {
  const line = `${standing}; ${killed} workers killed`;
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line.slice(0, process.stdout.columns - 1)}`);
  else if (line !== shown.line && performance.now() - shown.at > 1_000) {
    console.log(line);
    Object.assign(shown, { line, at: performance.now() });
  }
}

/** Asks every resource to go, until all have gone. */
async function reclaimAll(db: Database, board: Board): Promise<void> {
  const left = () => [...board.resources].filter(([, { phase }]) => phase !== 'destroyed');
  while (left().length > 0) {
    const commands = left().map(([target]) => ({ target, command: 'reclaim', key: 'the end' }) as const);
    await resources.sendMany(db, commands, { author: 'demo' });
    await board.until(() => true);
  }
}

async function stopWorkers(): Promise<void> {
  stopping = true;
  await Promise.all(
    [...children].map((child) => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      return exited;
    }),
  );
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.once(signal, () => process.exit(code));
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  // Processes of resources end as soon as their folders are gone.
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

try {
  await using db = await connect();
  await migrate(db.url, { sets: ['holdfast', LEASES_SCHEMA] });
  console.log(`${clients} clients, ${workers} workers, host ${host.name} in ${root}; --seed ${seed}`);
  const over = new AbortController();
  const board = new Board(db, host.name);
  const looking = board.run(over.signal, show);
  for (let i = 0; i < workers; i++) startWorker(db.url);
  // Frees what dead workers held and nobody has claimed since.
  await using janitor = runJanitor(db, { intervalMs: 500 });
  void killWorkers(board, over.signal).catch(() => {});
  const all = Promise.all(Array.from({ length: clients }, (_, n) => runClient(db, host, board, n)));
  await Promise.race([looking, all.then(() => reclaimAll(db, board))]);
  over.abort();
  await looking;
  await stopWorkers();
  const isHeld = async () =>
    (await findings(reading(db), { host: host.name })).some(({ finding }) =>
      finding.endsWith('is still held'),
    );
  for (let look = 0; look < 50 && (await isHeld()); look++) await sleep(100);
  await janitor.stop();
  if (process.stdout.isTTY) console.log();
  const wrong = await check(db, host);
  for (const line of wrong) console.error(line);
  console.log(
    wrong.length === 0
      ? `${killed} workers were killed; each lease of ${clients} clients was released once and destroyed once, and nothing is left`
      : `${killed} workers were killed; ${wrong.length} checks failed`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`demo:leases: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  stopping = true;
  for (const child of children) child.kill('SIGKILL');
}
