/**
 * Measures what Holdfast costs as there is more and more of it: live sessions, held work, workers, parked instances, history.
 *
 * npm run bench:scale -- [--quick] [--runs 5]
 *
 * Writes bench/results/scale.json and the measured part of docs/scale.md. With --quick (small sizes, one run) nothing is written.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, startServer } from '../support/server.ts';
import { claiming, ended, held, type Section, sessions, waiting } from './curves.ts';
import { scalePart } from './page.ts';
import type { Curve, ScaleResults } from './results.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, runs: { type: 'string' } },
});
const { quick } = values;
const runs = Number(values.runs ?? (quick ? 1 : 5));
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`bench: --runs ${values.runs}: give a whole number from 1`);
  process.exit(2);
}

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const load = () => Number(loadavg()[0]!.toFixed(2));

const SECTIONS: readonly [name: string, section: Section, sizes: readonly number[]][] = [
  ['sessions', sessions, [1_000, 10_000, 100_000]],
  ['held work', held, [1_000, 10_000, 100_000, 500_000]],
  ['claims', claiming, [1, 8, 24, 64]],
  ['parked instances', waiting, [1_000, 100_000, 1_000_000]],
  ['history', ended, [10_000, 100_000, 1_000_000, 5_000_000]],
];

const MARKS = ['<!-- npm run bench:scale writes from here -->', '<!-- to here -->'] as const;

async function writePage(results: ScaleResults): Promise<void> {
  const page = file('../../docs/scale.md');
  const text = await readFile(page, 'utf8');
  const [from, to] = MARKS.map((mark) => text.indexOf(mark)) as [number, number];
  if (from < 0 || to < from) throw new Error(`docs/scale.md: ${MARKS.join(' and ')} are missing`);
  const head = text.slice(0, from + MARKS[0].length);
  await writeFile(page, `${head}\n\n${scalePart(results)}\n\n${text.slice(to)}`);
}

await using server = await startServer();
const before = load();
const curves: Curve[] = [];
for (const [name, section, sizes] of SECTIONS) {
  console.log(`${name} ...`);
  curves.push(await section(server, quick ? sizes.slice(0, 2) : sizes, runs));
}
const results: ScaleResults = {
  measuredAt: new Date().toISOString(),
  runs,
  quick,
  machine: machine(),
  server: server.version,
  load: [before, load()],
  curves,
};
console.log(`\n${scalePart(results)}`);
if (!quick) {
  await mkdir(file('../results'), { recursive: true });
  await writeFile(file('../results/scale.json'), `${JSON.stringify(results, null, 1)}\n`);
  await writePage(results);
}
