import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../../../src/base/index.ts';
import { connect, type Database, sql } from '../../../src/index.ts';
import { withAdmin } from '../../support/admin.ts';
import type { SeededRandom } from '../../support/seed.ts';
import type { CockroachCluster } from '../../support/servers/cockroach-cluster.ts';
import { rows } from '../../support/sql.ts';
import type { ChaosFace, Invariant } from './face.ts';
import { type ChaosFault, FAULTS, type Ground, KILLED } from './faults.ts';
import { COMMON_INVARIANTS, OBSERVATION_SCHEMA } from './observe.ts';
import { type ChaosProcess, startProcess, type Told, type WorkerOptions } from './process.ts';
import { type ChaosReport, type CheckedInvariant, takeOversOf } from './report.ts';

export interface ChaosOptions {
  /** Where the run itself looks on. */
  readonly url: string;
  /** Where its processes connect. Default: `url`. */
  readonly workerUrl?: string | undefined;
  readonly random: SeededRandom;
  readonly faces: readonly ChaosFace[];
  /** How long faults go on. */
  readonly seconds: number;
  readonly workers: number;
  /** Of the workers' sessions. */
  readonly intervalMs: number;
  /** A protection that the workers do without, `FACE: NAME`; the run ends as soon as that shows. */
  readonly mutation?: string | undefined;
  /** Crashes the database; only where it is this run's own. */
  readonly crash?: (() => Promise<void>) | undefined;
  /** Its nodes may be lost, one at a time. */
  readonly cluster?: CockroachCluster | undefined;
  /** What is set for the process of a number, from 1, instead of drawn. With a URL it is behind no proxy. */
  readonly given?: ((number: number) => Partial<WorkerOptions>) | undefined;
  /** What happens instead of faults, once the processes are started; the run ends when it has. */
  readonly scenario?: ((db: Database) => Promise<void>) | undefined;
  /** Told how it goes. */
  readonly log?: (line: string) => void;
}

/** Between two looks at the invariants while faults go on. */
const CHECK_MS = 2_000;
/** What makes no progress for so long will make none. */
const DRAIN_MS = 90_000;
/** By then a process that was asked to stop has exited: its own limits, one after the other, are 45 s, and hosts are crowded. */
const EXIT_MS = 120_000;
const SETTLE_MS = 2_000;
/** Between two faults so much is written, or so many milliseconds go by. */
const WRITES_EACH = 5;
const MOST_PAUSE_MS = 2_000;
const WRITTEN = `SELECT (SELECT COALESCE(sum(seq), 0) FROM chaos_target) + (SELECT count(*) FROM holdfast.ended_work)`;
const PATIENCE_MS = 60_000;
const LONGEST_PAUSE_MS = `SELECT round(extract(epoch FROM max(pause)) * 1000)::INT8
  FROM (SELECT at - lag(at) OVER (ORDER BY at) AS pause FROM chaos_observation) AS p`;

/** Runs the faces in processes of their own under faults, lets everything drain, and checks what must hold. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  await using db = await connect({ url: options.url, applicationName: 'chaos conductor' });
  await using conductor = new Conductor(db, options);
  return await conductor.run();
}

class Conductor implements AsyncDisposable {
  readonly #db: Database;
  readonly #options: ChaosOptions;
  readonly #processes = new Set<ChaosProcess>();
  readonly #faults = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #timers = new Map<NodeJS.Timeout, () => void>();
  readonly #drains: Promise<void>[] = [];
  /** What was seen and could not be written down yet. */
  readonly #facts: ReturnType<typeof sql>[] = [];
  readonly #broken = new Map<string, CheckedInvariant>();
  #started = 0;
  #written = 0;
  #isOver = false;

  constructor(db: Database, options: ChaosOptions) {
    this.#db = db;
    this.#options = options;
  }

  async run(): Promise<ChaosReport> {
    const { faces, seconds, workers, mutation } = this.#options;
    for (const statement of [...OBSERVATION_SCHEMA, ...faces.flatMap(({ schema }) => schema)])
      await rows(this.#db, statement);
    for (let n = 0; n < workers; n++) await this.#start('worker');
    await this.#start('feeder');
    const startedAt = performance.now();
    const until = startedAt + seconds * 1_000;
    const checking = this.#checkAgainAndAgain(until);
    try {
      if (this.#options.scenario) await this.#options.scenario(this.#db);
      else await this.#strikeUntil(until);
    } finally {
      this.#isOver = true;
      await checking;
    }
    const isFound = mutation !== undefined && this.#broken.size > 0;
    if (!isFound) await this.#drain();
    const checked = await this.#check(!isFound);
    const { engine } = this.#db;
    return {
      engine: `${engine.system} ${engine.version}`,
      seed: this.#options.random.seed,
      seconds: Math.round((performance.now() - startedAt) / 1_000),
      workers,
      processes: this.#started,
      intervalMs: this.#options.intervalMs,
      faults: Object.fromEntries(this.#faults),
      errors: Object.fromEntries([...this.#errors].sort()),
      invariants: checked.map((one) => this.#broken.get(keyOf(one)) ?? one),
      takeOvers: await takeOversOf(this.#guarded, faces),
      longestPauseMs: await numberOf(this.#guarded, LONGEST_PAUSE_MS),
      done: await this.#done(),
    };
  }

  get #guarded() {
    return this.#db.guardedWithin(PATIENCE_MS);
  }

  async #start(role: ChaosProcess['role']): Promise<void> {
    const { random, url, workerUrl = url, faces, intervalMs, mutation } = this.#options;
    const name = `chaos-${role}-${++this.#started}`;
    const given = this.#options.given?.(this.#started);
    const options = {
      role,
      name,
      url: workerUrl,
      driver: random.pick(['pg', 'postgres'] as const),
      poolMax: random.pick([1, 2, 4, 8]),
      intervalMs,
      seed: random.integer(0, 2 ** 31 - 1),
      skewMs: random.integer(-600, 600) * 1_000,
      faces: faces.map((face) => face.name),
      ...(mutation !== undefined && role === 'worker' ? { mutation } : {}),
      ...given,
    };
    const isProxied = (random.next() < 0.6 || role === 'feeder') && given?.url === undefined;
    const process = await startProcess(options, isProxied, (told) => this.#hear(name, told));
    this.#processes.add(process);
    void process.exited.then((how) => {
      if (process.state === 'ending') return;
      this.#note(sql`INSERT INTO chaos_drain VALUES (${name}, false, ${`unasked: ${how}`}, 0)`);
      void this.#forget(process);
    });
  }

  async #forget(process: ChaosProcess): Promise<void> {
    this.#processes.delete(process);
    await process[Symbol.asyncDispose]();
  }

  #hear(name: string, told: Told): void {
    if (told.told !== 'error') return;
    const { during, error, isClassified, message } = told;
    const key = `${error} (${during})`;
    this.#errors.set(key, (this.#errors.get(key) ?? 0) + 1);
    this.#note(
      sql`INSERT INTO chaos_error VALUES (${name}, ${during}, ${error}, ${isClassified}, ${message})`,
    );
  }

  #note(fact: ReturnType<typeof sql>): void {
    this.#facts.push(fact);
  }

  async #writeFacts(): Promise<void> {
    for (let fact = this.#facts[0]; fact !== undefined; fact = this.#facts[0]) {
      await this.#guarded.execute(fact);
      this.#facts.shift();
    }
  }

  #count(fault: string, times = 1): void {
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + times);
  }

  /** Each fault that is possible once, in an order that the seed decides; then by their weights. */
  async #strikeUntil(until: number): Promise<void> {
    const { random } = this.#options;
    const ground: Ground = {
      ...this.#options,
      crash: this.#options.crash,
      cluster: this.#options.cluster,
      waitFor: (promise) => this.#drains.push(promise),
      db: this.#db,
      processes: this.#processes,
      lose: (process) => this.#lose(process),
      replace: (process) => this.#replace(process),
      later: (ms, act) => this.#later(ms, act),
      count: (fault) => this.#count(fault),
    };
    const possible = FAULTS.filter(({ isPossible }) => isPossible?.(ground) ?? true);
    for (const { name } of possible) this.#faults.set(name, 0);
    const first = [...possible];
    // However slow the host, somebody dies.
    while ((performance.now() < until || !this.#faults.get(KILLED)) && !this.#isFound) {
      await sleep(random.integer(50, 500));
      await this.#somethingIsDone();
      const fault =
        first.length > 0
          ? first.splice(random.integer(0, first.length - 1), 1)[0]!
          : byWeight(possible, random);
      try {
        const struck = await fault.strike(ground);
        if (struck > 0) this.#count(fault.name, struck);
        else if (!this.#faults.get(fault.name) && performance.now() < until - 5_000) first.push(fault);
      } catch {
        // The database is not there at this moment.
      }
    }
  }

  /** Until some more was written: on a crowded host faults would meet no work. */
  async #somethingIsDone(): Promise<void> {
    const count = () => numberOf(this.#db.guardedWithin(2_000), WRITTEN).catch(() => this.#written);
    const until = performance.now() + MOST_PAUSE_MS;
    let written = await count();
    while (written < this.#written + WRITES_EACH && performance.now() < until && !this.#isFound) {
      await sleep(100);
      written = await count();
    }
    this.#written = written;
  }

  get #isFound(): boolean {
    return this.#options.mutation !== undefined && this.#broken.size > 0;
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.set(timer, act);
  }

  async #lose(process: ChaosProcess): Promise<void> {
    process.kill();
    void this.#forget(process);
    await this.#start(process.role);
    const { rows: sessions } = await this.#db
      .guardedWithin(2_000)
      .execute(
        sql`SELECT session_id, clock_timestamp() FROM holdfast.session WHERE instance = ${process.name}`,
      );
    for (const [id, at] of sessions)
      this.#note(sql`INSERT INTO chaos_death VALUES (${id!}, ${at!}) ON CONFLICT (session_id) DO NOTHING`);
  }

  #replace(process: ChaosProcess): void {
    this.#drains.push(this.#stop(process, false));
    this.#drains.push(this.#start(process.role));
  }

  async #stop(process: ChaosProcess, atRest: boolean): Promise<void> {
    await process.askToStop();
    const how = await within(EXIT_MS, process.exited, () => `still there after ${EXIT_MS / 1_000} s`);
    await this.#forget(process);
    const connections = atRest ? await this.#connectionsOf(process.name) : 0;
    this.#note(
      sql`INSERT INTO chaos_drain VALUES (${process.name}, ${atRest}, ${String(how)}, ${BigInt(connections)})`,
    );
  }

  /** Still open a while after the process has ended: the server may take a moment to see it. */
  async #connectionsOf(name: string): Promise<number> {
    const isCockroach = this.#db.engine.system === 'cockroachdb';
    const text = isCockroach
      ? 'SELECT count(*) AS n FROM crdb_internal.cluster_sessions WHERE application_name = $1'
      : 'SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = $1';
    for (const until = performance.now() + 10_000; ; await sleep(100)) {
      const { rows: found } = await withAdmin(this.#options.url, (client) => client.query(text, [name]));
      const open = Number(found[0].n);
      if (open === 0 || performance.now() > until) return open;
    }
  }

  /** The faults stop, nothing is fed, what was asked for is done, and every process exits by itself. */
  async #drain(): Promise<void> {
    const { faces, log } = this.#options;
    log?.('the faults stop; everything drains');
    for (const [timer, act] of this.#timers) {
      clearTimeout(timer);
      act();
    }
    this.#timers.clear();
    for (const process of this.#processes) {
      process.goOn();
      process.proxy?.calm();
      // What was left half open would never be told.
      process.proxy?.cutAll();
    }
    const feeders = [...this.#processes].filter(({ role }) => role === 'feeder');
    await Promise.all(feeders.map((feeder) => this.#stop(feeder, false)));
    await Promise.all(this.#drains);
    let last = '';
    let changedAt = performance.now();
    let settledAt = -Infinity;
    for (let time = 0; performance.now() - changedAt < DRAIN_MS; await sleep(100)) {
      const left = await Promise.all(
        faces.map(async (face) => `${face.name} ${await numberOf(this.#guarded, face.left)}`),
      );
      if (left.every((one) => one.endsWith(' 0'))) break;
      if (left.join() !== last) changedAt = performance.now();
      last = left.join();
      if (performance.now() - settledAt < SETTLE_MS) continue;
      log?.(`left: ${left.join(', ')}`);
      for (const face of faces)
        await face.settle?.(this.#db, ++time).catch((error) => log?.(`settle: ${error}`));
      settledAt = performance.now();
    }
    await Promise.all([...this.#processes].map((process) => this.#stop(process, true)));
  }

  async #checkAgainAndAgain(until: number): Promise<void> {
    while (!this.#isOver && !this.#isFound) {
      await sleep(Math.max(0, Math.min(CHECK_MS, until - performance.now())));
      try {
        await this.#check(false);
      } catch {
        // The database is not there at this moment.
      }
    }
  }

  /** Every invariant, each in one snapshot. */
  async #check(atRest: boolean): Promise<CheckedInvariant[]> {
    await this.#writeFacts();
    const checked: CheckedInvariant[] = [];
    const all: readonly (readonly [string, Invariant])[] = [
      ...COMMON_INVARIANTS.map((one) => ['all', one] as const),
      ...this.#options.faces.flatMap(({ name, invariants }) => invariants.map((one) => [name, one] as const)),
    ];
    for (const [face, invariant] of all) {
      if (invariant.atRest && !atRest) continue;
      const broken = await rows(this.#guarded, invariant.broken);
      const one = {
        face,
        name: invariant.name,
        exercised: await numberOf(this.#guarded, invariant.exercised),
        broken: broken.length,
        examples: broken.slice(0, 3).map((row) => JSON.stringify(row)),
      };
      checked.push(one);
      if (one.broken === 0 || this.#broken.has(keyOf(one))) continue;
      this.#broken.set(keyOf(one), one);
      this.#options.log?.(`BROKEN ${keyOf(one)}: ${one.examples[0]}`);
    }
    return checked;
  }

  async #done(): Promise<Record<string, number>> {
    const found = await Promise.all(this.#options.faces.map(({ done }) => rows(this.#guarded, done)));
    return Object.fromEntries(found.flat().map(([what, count]) => [what!, Number(count)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.keys()) clearTimeout(timer);
    const all = [...this.#processes];
    for (const process of all) process.kill();
    await Promise.all(all.map((process) => this.#forget(process)));
  }
}

const keyOf = ({ face, name }: { readonly face: string; readonly name: string }) => `${face}: ${name}`;

const numberOf = async (on: Parameters<typeof rows>[0], text: string) =>
  Number((await rows(on, text))[0]?.[0] ?? 0);

function byWeight(faults: readonly ChaosFault[], random: SeededRandom): ChaosFault {
  let at = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of faults) {
    at -= fault.weight;
    if (at < 0) return fault;
  }
  return faults[0]!;
}
