/**
 * What telemetry costs: the same fenced transactions by services without any (silent, and a twin), with it and no
 * provider (off), with metrics alone, with spans that are not sampled, and with everything sent by OTLP/HTTP to another
 * process. Each is a process of its own that does a block when it is its turn: in one process the compiler would see
 * all of them at once, and none as it is. Processes differ among themselves, so each run has new ones; what they
 * differ by anyway is what silent and its twin do.
 *
 * npm run bench:telemetry -- [--quick] [--runs 5]
 *
 * Writes bench/results/telemetry.json and docs/performance.md. With --quick nothing is written.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrate } from '../../src/index.ts';
import { startSession } from '../../src/queries/sessions.ts';
import { randomFrom } from '../../src/testing/index.ts';
import { startCockroach } from '../support/cockroach.ts';
import { type Figure, figure } from '../support/measure.ts';
import { machine, startServer } from '../support/server.ts';
import { writePage } from '../write-page.ts';
import { MODES, type Mode } from './modes.ts';
import { telemetryPart } from './page.ts';
import type { ModeFigures, TelemetryResults } from './results.ts';
import type { Taken, Turn, Work } from './worker.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, runs: { type: 'string' } },
});
const { quick } = values;
const runs = Number(values.runs ?? (quick ? 1 : 5));
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`bench: --runs ${values.runs}: give a whole number from 1`);
  process.exit(2);
}
const ROUNDS = quick ? 4 : 6;
/** Parts of a round in which all take turns: the machine is another one a second later. */
const SLICES = 2;
/** A service reaches its speed after that many, no sooner. */
const WARM_UP = quick ? 4_000 : 12_000;
const ALONE = 20_000;

interface Setting {
  readonly what: string;
  readonly url: string;
  readonly sessionId: string;
  readonly work: 'read' | 'write';
  readonly count: number;
}
interface Samples {
  readonly floor: number[];
  readonly modes: Readonly<Record<Mode, { [K in keyof ModeFigures]: number[] }>>;
}

const each = <T>(make: (mode: Mode) => T) =>
  Object.fromEntries(MODES.map((mode) => [mode, make(mode)])) as Record<Mode, T>;
/** In another order each time, or what one leaves behind would always meet the same one. */
function shuffled(random: () => number): readonly Mode[] {
  const drawn = each(random);
  return [...MODES].sort((a, b) => drawn[a] - drawn[b]);
}
const mean = (numbers: readonly number[]) =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const whole = (slices: readonly Taken[]): Taken => ({
  elapsed: mean(slices.map(({ elapsed }) => elapsed)),
  cpu: mean(slices.map(({ cpu }) => cpu)),
});
const median = (numbers: readonly number[]) => figure(numbers).median;

async function start(script: string, ...args: string[]): Promise<{ child: ChildProcess; said: unknown }> {
  const child = fork(new URL(script, import.meta.url), args);
  const [said] = await once(child, 'message');
  return { child, said };
}

/** Migrates, and makes what the transactions work on. Gives the id of a session that lives for a day. */
async function prepare(url: string): Promise<string> {
  await migrate(url, { sets: ['holdfast'] });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('CREATE TABLE touched (id INT8 PRIMARY KEY, n INT8 NOT NULL)');
  await client.query('INSERT INTO touched VALUES (1, 0)');
  const { text, values } = startSession.statement({
    sessionId: randomUUID(),
    component: 'bench',
    instance: '',
    intervalMs: 86_400_000n,
  });
  await client.query(text, [...values]);
  await client.end();
  return values[0]!;
}

/** One run: new processes, warm, then every setting in rounds of turns. */
async function run(
  settings: readonly Setting[],
  samples: ReadonlyMap<Setting, Samples>,
  alone: Record<Mode, number[]>,
  sdk: number[],
  collector: string,
  seed: number,
): Promise<void> {
  const random = randomFrom(seed);
  const workers = new Map<Mode, ChildProcess>();
  for (const mode of MODES) workers.set(mode, (await start('./worker.ts', mode, collector)).child);
  const take = async (mode: Mode, on: Setting, work: Work, count: number): Promise<Taken> => {
    const worker = workers.get(mode)!;
    worker.send({ url: on.url, sessionId: on.sessionId, work, count } satisfies Turn);
    return (await once(worker, 'message'))[0] as Taken;
  };
  for (const mode of MODES)
    for (const [at, setting] of settings.entries())
      await take(mode, setting, setting.work, at < 2 ? WARM_UP / 2 : 2 * setting.count);
  for (const setting of settings) {
    const { work, count } = setting;
    const rounds = each((): Taken[] => []);
    const floor: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const slices = each((): Taken[] => []);
      for (let slice = 0; slice < SLICES; slice++)
        for (const mode of shuffled(random)) slices[mode].push(await take(mode, setting, work, count));
      for (const mode of MODES) rounds[mode].push(whole(slices[mode]));
      floor.push((await take('silent', setting, `floor ${work}`, count)).elapsed);
    }
    const to = samples.get(setting)!;
    to.floor.push(median(floor));
    for (const mode of MODES) {
      const against = (compare: (mine: Taken, silent: Taken) => number) =>
        median(rounds[mode].map((mine, round) => compare(mine, rounds.silent[round]!)));
      const { us, cpuUs, timeToSilent, cpuOfTime } = to.modes[mode];
      us.push(median(rounds[mode].map(({ elapsed }) => elapsed)));
      cpuUs.push(median(rounds[mode].map(({ cpu }) => cpu)));
      timeToSilent.push(against((mine, silent) => mine.elapsed / silent.elapsed));
      cpuOfTime.push(against((mine, silent) => (mine.cpu - silent.cpu) / silent.elapsed));
    }
  }
  const any = settings[0]!;
  for (const mode of MODES) {
    await take(mode, any, 'observer', ALONE);
    alone[mode].push((await take(mode, any, 'observer', ALONE)).cpu);
  }
  await take('OTLP', any, 'SDK', ALONE);
  sdk.push((await take('OTLP', any, 'SDK', ALONE)).cpu);
  for (const worker of workers.values()) worker.disconnect();
}

async function measure(): Promise<TelemetryResults> {
  const loadBefore = Number(loadavg()[0]!.toFixed(2));
  await using postgres = await startServer();
  await using cockroach = await startCockroach();
  const url = await postgres.database('telemetry');
  const { child: peer, said } = await start('./peer.ts', url, '2');
  const { collector, url: distant } = said as { collector: string; url: string };
  const sessionId = await prepare(url);
  const there = cockroach && { url: cockroach.url, sessionId: await prepare(cockroach.url) };
  // The services warm up on the first two.
  const settings: Setting[] = [
    { what: `durable write, ${postgres.version}`, url, sessionId, work: 'write', count: 800 },
    { what: `read, ${postgres.version}`, url, sessionId, work: 'read', count: 2_000 },
    {
      what: `durable write, ${postgres.version}, 2 ms away`,
      url: distant,
      sessionId,
      work: 'write',
      count: 100,
    },
    ...(cockroach && there
      ? (['write', 'read'] as const).map(
          (work): Setting => ({
            what: `${work}, ${cockroach.version} (${cockroach.store})`,
            ...there,
            work,
            count: work === 'write' ? 60 : 500,
          }),
        )
      : []),
  ];
  const samples = new Map<Setting, Samples>();
  for (const setting of settings)
    samples.set(setting, {
      floor: [],
      modes: each(() => ({ us: [], cpuUs: [], timeToSilent: [], cpuOfTime: [] })),
    });
  const alone = each((): number[] => []);
  const sdk: number[] = [];
  for (let number = 1; number <= runs; number++) {
    console.log(`run ${number} of ${runs} ...`);
    await run(settings, samples, alone, sdk, collector, number);
  }
  peer.disconnect();
  return {
    measuredAt: new Date().toISOString(),
    runs,
    machine: machine(),
    loadBefore,
    loadAfter: Number(loadavg()[0]!.toFixed(2)),
    settings: [...samples].map(([{ what }, { floor, modes }]) => ({
      what,
      floorUs: figure(floor),
      modes: each((mode) => {
        const figures = Object.entries(modes[mode]).map(([key, taken]) => [key, figure(taken)]);
        return Object.fromEntries(figures) as Record<keyof ModeFigures, Figure>;
      }),
    })),
    alone: each((mode) => figure(alone[mode])),
    sdk: figure(sdk),
  };
}

const results = await measure();
console.log(`\n${telemetryPart(results)}`);
if (!quick) {
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  await mkdir(file('../results'), { recursive: true });
  await writeFile(file('../results/telemetry.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writePage();
}
