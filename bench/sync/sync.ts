/**
 * What a sync costs: items a second, statements and memory, for more and more items, beside the same rows by the bare driver in
 * the same run; again without a change, with one item in a hundred changed, and when everything goes. Each is a process of its
 * own, so that its memory is its own.
 *
 * npm run bench:sync -- [--quick] [--runs 3] [--items 1000,10000]
 *
 * Writes bench/results/sync.json and docs/performance.md. With --quick nothing is written.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connect } from '../../src/index.ts';
import { createRepository } from '../../src/sync/index.ts';
import { type Figure, figure } from '../support/measure.ts';
import { type BenchServer, machine, startServer } from '../support/server.ts';
import { writePage } from '../write-page.ts';
import { syncPart } from './page.ts';
import type { PhaseFigures, SizeFigures, SyncResults } from './results.ts';
import type { Done, Phase } from './worker.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    items: { type: 'string' },
  },
});
const { quick } = values;
const sizes = (values.items ?? (quick ? '1000,10000' : '1000,10000,100000,1000000')).split(',').map(Number);
const runs = Number(values.runs ?? (quick ? 1 : 3));
if (![runs, ...sizes].every((number) => Number.isInteger(number) && number > 0)) {
  console.error('bench: --runs and --items: give whole numbers from 1');
  process.exit(2);
}
/** Files are fetched for no more items than these: each is a request. */
const MOST_FILES = 10_000;
/** The largest sizes take minutes: they run once. */
const runsOf = (items: number) => (items >= 1_000_000 ? 1 : runs);

async function run(url: string, phase: Phase, items: number, files: string): Promise<Done> {
  const child = fork(new URL('./worker.ts', import.meta.url), [url, phase, String(items), files]);
  const [[done]] = await Promise.all([once(child, 'message') as Promise<[Done]>, once(child, 'exit')]);
  return done;
}

interface Samples {
  readonly rate: number[];
  readonly statements: number[];
  readonly memoryMb: number[];
}

async function measure(server: BenchServer, items: number, files: string): Promise<SizeFigures> {
  const samples = new Map<Phase, Samples>();
  const ratios: Record<'firstToFloor' | 'sameToFirst' | 'removalToFloor' | 'changeRows', number[]> = {
    firstToFloor: [],
    sameToFirst: [],
    removalToFloor: [],
    changeRows: [],
  };
  for (let number = 1; number <= runsOf(items); number++) {
    console.log(`${items} items, run ${number} of ${runsOf(items)} ...`);
    const fresh = async (name: string) => {
      const url = await server.database(`sync_${name}_${items}_${number}`, { ours: true });
      await using db = await connect({ url });
      await createRepository(db, 'bench');
      await createRepository(db, 'warm');
      return url;
    };
    const take = async (url: string, phase: Phase) => {
      const done = await run(url, phase, items, files);
      const to = samples.get(phase) ?? { rate: [], statements: [], memoryMb: [] };
      samples.set(phase, to);
      const rate = (items / done.ms) * 1_000;
      to.rate.push(rate);
      to.statements.push(done.statements);
      to.memoryMb.push(done.memoryMb);
      return rate;
    };
    const written = async (url: string) => {
      await server.run(url, 'SELECT pg_stat_force_next_flush()');
      const { rows } = await server.run(
        url,
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::INT8 AS n FROM pg_stat_user_tables WHERE relname IN ('content', 'content_artifact', 'remote_artifact', 'repository_content')",
      );
      return Number(rows[0].n);
    };
    // Both begin with a database of their own, and take turns in who begins.
    const [ours, floors] = [await fresh('ours'), await fresh('floor')];
    const both: [Phase, string][] = [
      ['floor', floors],
      ['first', ours],
    ];
    const rates = new Map<Phase, number>();
    for (const [phase, url] of number % 2 ? both : both.reverse()) rates.set(phase, await take(url, phase));
    ratios.firstToFloor.push(rates.get('first')! / rates.get('floor')!);
    const start = await written(ours);
    ratios.sameToFirst.push((await take(ours, 'same')) / rates.get('first')!);
    // What warming up writes, which is as much each time.
    const before = await written(ours);
    await take(ours, 'change');
    ratios.changeRows.push((await written(ours)) - before - (before - start));
    const removed = await take(ours, 'removal');
    ratios.removalToFloor.push(removed / (await take(floors, 'removal floor')));
    if (items <= MOST_FILES) await take(await fresh('files'), 'artifacts');
    await server.run(
      server.adminUrl,
      `DROP DATABASE sync_ours_${items}_${number}`,
      `DROP DATABASE sync_floor_${items}_${number}`,
    );
  }
  const of = (phase: Phase): PhaseFigures => {
    const { rate, statements, memoryMb } = samples.get(phase)!;
    return { rate: figure(rate), statements: figure(statements), memoryMb: figure(memoryMb) };
  };
  const ratio = (name: keyof typeof ratios): Figure => figure(ratios[name]);
  return {
    items,
    floor: of('floor'),
    first: of('first'),
    firstToFloor: ratio('firstToFloor'),
    same: of('same'),
    sameToFirst: ratio('sameToFirst'),
    change: of('change'),
    changeRows: ratio('changeRows'),
    removal: of('removal'),
    removalFloor: of('removal floor'),
    removalToFloor: ratio('removalToFloor'),
    artifacts: samples.has('artifacts') ? of('artifacts') : undefined,
  };
}

const loadBefore = Number(loadavg()[0]!.toFixed(2));
const http = createServer((request, response) => response.end(request.url!.slice(1).padEnd(1_000, 'x')));
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const files = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
await using server = await startServer();
const figures: SizeFigures[] = [];
for (const items of sizes) figures.push(await measure(server, items, files));
http.closeAllConnections();
http.close();
const results: SyncResults = {
  measuredAt: new Date().toISOString(),
  runs,
  machine: machine(),
  server: server.version,
  loadBefore,
  loadAfter: Number(loadavg()[0]!.toFixed(2)),
  sizes: figures,
};
console.log(syncPart(results));
if (!quick) {
  const target = fileURLToPath(new URL('../results/sync.json', import.meta.url));
  await mkdir(fileURLToPath(new URL('../results', import.meta.url)), { recursive: true });
  await writeFile(target, `${JSON.stringify(results, null, 2)}\n`);
  await writePage();
}
