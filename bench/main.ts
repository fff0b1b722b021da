/**
 * Measures Holdfast beside the bare drivers, graphile-worker and pg-boss: one machine, one server, one run.
 *
 * npm run bench -- [--quick] [--runs 5] [--only floors,statements,zombie,transactions,costs,claims,queues,loops,cockroach]
 *
 * Writes bench/results/latest.json and docs/performance.md. With --only or --quick nothing is written: what the page
 * shows is of one run.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { page } from './page.ts';
import type { Results } from './results.ts';
import { claims } from './sections/claims.ts';
import { cockroach } from './sections/cockroach.ts';
import { costs } from './sections/costs.ts';
import { floors } from './sections/floors.ts';
import { loops } from './sections/loops.ts';
import { queues, statementCounts } from './sections/queues.ts';
import { transactions } from './sections/transactions.ts';
import { zombie } from './sections/zombie.ts';
import { installPeers } from './support/packages.ts';
import { machine, startServer } from './support/server.ts';
import { writePage } from './write-page.ts';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const sections = [
  'floors',
  'statements',
  'zombie',
  'transactions',
  'costs',
  'claims',
  'queues',
  'loops',
  'cockroach',
] as const;
type Section = (typeof sections)[number];

function options() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        runs: { type: 'string' },
        only: { type: 'string' },
        page: { type: 'boolean', default: false },
      },
    });
    const runs = Number(values.runs ?? (values.quick ? 2 : 5));
    if (!Number.isInteger(runs) || runs < 1)
      throw new Error(`--runs ${values.runs}: give a whole number from 1`);
    const only = values.only?.split(',') ?? sections;
    const unknown = only.find((name) => !sections.includes(name as Section));
    if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${sections.join(', ')}`);
    return { ...values, runs, only: new Set(only as Section[]) };
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exit(2);
  }
}

const { quick, runs, only, page: pageOnly } = options();
const whole = !quick && only.size === sections.length;
const latest = file('results/latest.json');
const before = existsSync(latest) ? (JSON.parse(await readFile(latest, 'utf8')) as Results) : undefined;

async function measure(): Promise<Results> {
  installPeers();
  await using server = await startServer();
  const result: Partial<Record<keyof Results, unknown>> = {
    measuredAt: new Date().toISOString(),
    runs,
    machine: machine(),
    server: server.version,
    loadBefore: Number(loadavg()[0]!.toFixed(2)),
  };
  const section = async (name: Section, run: () => Promise<unknown>) => {
    if (!only.has(name)) return;
    console.log(`${name} ...`);
    result[name] = await run();
  };
  await section('floors', () => floors(server, runs, quick));
  await section('statements', () => statementCounts(server));
  await section('zombie', () => zombie(server));
  await section('transactions', () => transactions(server, runs, quick));
  await section('costs', () => costs(server, runs, quick));
  await section('claims', () => claims(server, runs, quick));
  await section('queues', () => queues(server, runs, quick));
  await section('loops', () => loops(server, runs, quick));
  await section('cockroach', () => cockroach(runs, quick));
  result.loadAfter = Number(loadavg()[0]!.toFixed(2));
  return result as unknown as Results;
}

const results = pageOnly && before ? before : await measure();
const text = page(results);
console.log(`\n${text}`);
if (whole) {
  await mkdir(file('results'), { recursive: true });
  await writeFile(latest, `${JSON.stringify(results, null, 2)}\n`);
  await writePage();
}
