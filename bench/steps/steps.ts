/**
 * Measures durable steps, commands and hand-overs: workflows beside DBOS, OpenWorkflow and a bare insert, on one server in one
 * run, each with a database of its own.
 *
 * npm run bench:steps -- [--quick] [--runs 5] [--backlog 1000000] [--parked 1000000]
 *
 * Writes bench/results/steps.json and docs/performance.md, also with --quick: the page says so then.
 */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPeers } from '../support/packages.ts';
import { machine, startServer } from '../support/server.ts';
import { writePage } from '../write-page.ts';
import { commands, drain } from './commands.ts';
import { operations } from './operations.ts';
import { stepsPart } from './page.ts';
import type { StepResults } from './results.ts';
import { parked, starts } from './waiting.ts';
import { stepCounts, workflows } from './workflows.ts';

function options() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        runs: { type: 'string' },
        backlog: { type: 'string' },
        parked: { type: 'string' },
      },
    });
    const { quick } = values;
    const whole = (name: 'runs' | 'backlog' | 'parked', least: number, otherwise: number) => {
      const number = Number(values[name] ?? otherwise);
      if (!Number.isInteger(number) || number < least)
        throw new Error(`--${name} ${values[name]}: give a whole number from ${least}`);
      return number;
    };
    return {
      quick,
      runs: whole('runs', 1, quick ? 1 : 5),
      backlog: whole('backlog', 10_000, quick ? 20_000 : 1_000_000),
      most: whole('parked', 2_000, quick ? 50_000 : 1_000_000),
    };
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exit(2);
  }
}

const { quick, runs, backlog, most } = options();
installPeers();
const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { dependencies } = JSON.parse(readFileSync(file('../package.json'), 'utf8')) as {
  dependencies: Readonly<Record<string, string>>;
};
const load = () => Number(loadavg()[0]!.toFixed(2));

async function measure(): Promise<StepResults> {
  await using server = await startServer();
  const before = load();
  const section = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    console.log(`${name} ...`);
    return run();
  };
  const found = {
    measuredAt: new Date().toISOString(),
    runs,
    quick,
    machine: machine(),
    server: server.version,
    peers: {
      DBOS: dependencies['@dbos-inc/dbos-sdk']!,
      OpenWorkflow: dependencies['openworkflow']!,
    },
    counts: await section('statements', () => stepCounts(server)),
    steps: await section('steps', () => workflows(server, runs, quick)),
    commands: await section('commands', () => commands(server, runs, quick)),
    operations: await section('operations', () => operations(server, runs, quick)),
    starts: await section('starts', () => starts(server, runs)),
    parked: await section('parked', () => parked(server, runs, [1_000, most])),
    drain: await section('drain', () => drain(server, backlog)),
  };
  return { ...found, load: [before, load()] };
}

const results = await measure();
console.log(`\n${stepsPart(results)}`);
await mkdir(file('../results'), { recursive: true });
await writeFile(file('../results/steps.json'), `${JSON.stringify(results, null, 2)}\n`);
await writePage();
