/**
 * `npm run demo:datasets`: packs packages of node_modules into tarballs and sends them through upload, unpack, index,
 * tool-index and backup, in worker processes that are killed at random. Then it looks whether each operation of each
 * dataset was finished exactly once, and indexes everything again, as a second generation.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tar from 'tar';
import { Bars } from '../../src/cli/support/bars.ts';
import { connect, type Database, migrate, sql } from '../../src/index.ts';
import { createTables, datasetsOf, type Operation } from './pipeline.ts';

const { values } = parseArgs({
  options: {
    datasets: { type: 'string', default: '24' },
    workers: { type: 'string', default: '4' },
    kills: { type: 'string', default: '10' },
    'interval-ms': { type: 'string', default: '1000' },
  },
});
const [count, workers, kills, intervalMs] = [
  values.datasets,
  values.workers,
  values.kills,
  values['interval-ms'],
].map(Number) as [number, number, number, number];
if (![count, workers, kills, intervalMs].every((value) => Number.isInteger(value) && value > 0)) {
  console.error('demo:datasets: --datasets, --workers, --kills and --interval-ms are whole numbers from 1');
  process.exit(2);
}

const run = randomBytes(3).toString('hex');
const datasets = datasetsOf(run);
const idOf = (name: string) => `${run}/${name}`;
const folder = await mkdtemp(join(tmpdir(), 'holdfast-datasets-'));
const children = new Set<ChildProcess>();
let stopping = false;
let killed = 0;

/** Packs so many packages of node_modules. */
async function pack(): Promise<string[]> {
  for (const part of ['incoming', 'store', 'unpacked', 'backup']) await mkdir(join(folder, part));
  const packages = fileURLToPath(new URL('../../node_modules/', import.meta.url));
  const names: string[] = [];
  for (const name of (await readdir(packages)).sort()) {
    if (names.length === count) break;
    if (!/^[a-z][a-z0-9.-]*$/.test(name)) continue;
    const files = await readdir(join(packages, name), { recursive: true });
    if (!files.includes('package.json') || files.length > 300) continue;
    await tar.create({ gzip: true, file: join(folder, 'incoming', `${name}.tgz`), cwd: packages }, [name]);
    names.push(name);
  }
  return names;
}

function startWorker(url: string): void {
  const child = fork(new URL('worker.ts', import.meta.url), [run, folder, String(intervalMs)], {
    env: { ...process.env, DATABASE_URL: url, HOLDFAST_DATABASE_URL: '' },
  });
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (!stopping) startWorker(url);
  });
}

/** Bars on a terminal; elsewhere a line whenever the numbers have changed. */
class Progress {
  readonly #total: number;
  readonly #bars: Bars | undefined;
  #line = '';

  static async of(total: number): Promise<Progress> {
    return new Progress(total, process.stdout.isTTY ? await Bars.on(process.stdout, 10) : undefined);
  }

  private constructor(total: number, bars: Bars | undefined) {
    this.#total = total;
    this.#bars = bars;
  }

  show(done: ReadonlyMap<Operation, number>): void {
    for (const operation of datasets.operations)
      this.#bars?.show(operation, done.get(operation) ?? 0, this.#total);
    const line = datasets.operations
      .map((operation) => `${operation} ${done.get(operation) ?? 0}`)
      .join(', ');
    if (!this.#bars && line !== this.#line) console.log(`${line}; killed ${killed}`);
    this.#line = line;
  }

  stop(): void {
    this.#bars?.stop();
  }
}

/** Until every operation of every dataset is OK; one worker after the other is killed meanwhile. */
async function finish(db: Database, names: readonly string[], deaths: number) {
  const progress = await Progress.of(names.length);
  const mostKills = killed + deaths;
  for (;;) {
    const statuses = await datasets.statusMany(db, names.map(idOf));
    const all = [...statuses.values()].flat();
    const bad = all.find(({ state }) => state === 'FAILED');
    if (bad) throw new Error(`${bad.operation} of ${bad.target} failed: ${bad.message}`);
    const done = new Map(
      datasets.operations.map((operation) => [
        operation,
        all.filter((one) => one.operation === operation && one.state === 'OK').length,
      ]),
    );
    progress.show(done);
    if (datasets.operations.every((operation) => done.get(operation) === names.length)) break;
    // Not before they are at work.
    const isMoving = all.some(({ state }) => state === 'WORKING');
    if (killed < mostKills && isMoving) {
      const victim = [...children][Math.floor(Math.random() * children.size)];
      if (victim?.kill('SIGKILL')) killed++;
    }
    await sleep(400);
  }
  progress.stop();
}

async function check(db: Database, names: readonly string[]): Promise<string[]> {
  const { rows } = await db.execute(
    sql`SELECT operation, generation, count(*), count(DISTINCT worker) FROM observation WHERE run = ${run}
      GROUP BY operation, generation ORDER BY operation, generation`,
  );
  const found = new Map(rows.map(([operation, generation, n]) => [`${operation} ${generation}`, Number(n)]));
  const wrong: string[] = [];
  for (const operation of datasets.operations)
    for (const generation of operation === 'index' || operation === 'tool-index' ? [1, 2] : [1]) {
      const n = found.get(`${operation} ${generation}`) ?? 0;
      if (n !== names.length) wrong.push(`${operation}, generation ${generation}: ${n} of ${names.length}`);
      found.delete(`${operation} ${generation}`);
    }
  return [...wrong, ...[...found.keys()].map((more) => `${more}: was not asked for`)];
}

process.once('SIGINT', () => process.exit(130));
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
try {
  const names = await pack();
  console.log(`${names.length} datasets in ${folder}`);
  await using db = await connect();
  await migrate(db.url);
  await createTables(db);
  for (let i = 0; i < workers; i++) startWorker(db.url);
  for (const name of names) await datasets.enable(db, idOf(name), ['upload']);
  await finish(db, names, kills);
  console.log('all of them again: index, and with it tool-index');
  for (const name of names) await datasets.enable(db, idOf(name), ['index']);
  await finish(db, names, Math.ceil(kills / 2));
  stopping = true;
  await Promise.all(
    [...children].map((child) => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      return exited;
    }),
  );
  const wrong = await check(db, names);
  for (const line of wrong) console.error(line);
  const said = `${killed} workers were killed; each operation of ${names.length} datasets was finished`;
  console.log(wrong.length === 0 ? `${said} exactly once a generation` : `${said}, but not once`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`demo:datasets: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  stopping = true;
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
