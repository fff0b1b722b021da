/** The story of the demo, from an empty folder to an empty folder. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { readInventory } from '../../fleet/inventory/inventory.ts';
import { findAgent } from '../../fleet/provider/agent-directory.ts';
import { databaseTime, type HeldMachinesRow, heldMachines } from '../../fleet/queries/audit.ts';
import { connect, type Database, HoldfastError } from '../../index.ts';
import { migrate } from '../../migrate/index.ts';
import { UsageError } from '../support/usage-error.ts';
import { type Board, createPlainBoard, createTerminalBoard } from './board.ts';
import { checkOutcome, type Killed, type Outcome } from './checks.ts';
import { type Child, Children } from './children.ts';
import { type FleetView, isHeldBy, readFleet } from './fleet-view.ts';
import { PAUSE_MS, SETTINGS, STAGE_LIMIT_MS, TAKE_OVER_BOUND_MS } from './settings.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

export interface DemoOptions {
  readonly inventory: string;
  readonly url?: string;
  readonly plain: boolean;
}

const REFRESH_MS = 150;
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

/** Runs the demo; resolves with its exit code. Leaves nothing running, however it ends. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const inventory = await readInventory(options.inventory);
  const names = inventory.machines.map(({ name }) => name);
  if (names.length === 0)
    throw new UsageError(`${options.inventory} has no machines: the demo needs one at least`);
  const terminal = process.stdout;
  const isTerminal = terminal.isTTY === true && !options.plain && (terminal.rows ?? 0) >= 20;
  const board = isTerminal ? createTerminalBoard(terminal) : createPlainBoard((line) => console.log(line));
  const stopping = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (signal: NodeJS.Signals) => {
    // Asked twice: at once. What is left then ends with this process.
    if (isSignal(stopping.signal.reason)) process.exit(1);
    stopping.abort(signal);
  };
  for (const signal of signals) process.on(signal, onSignal);

  const startedMs = performance.now();
  const workshop = await openWorkshop();
  let outcome: Outcome | undefined;
  let failure: unknown;
  try {
    outcome = await new Story(options, names, workshop, board, stopping).run();
  } catch (error) {
    failure = error;
  }
  // Nothing has begun: the command line, or the database that it names, is wrong.
  const isEarly = failure instanceof HoldfastError && !(await hasLogs(workshop));
  const isGood = outcome?.checks.every(({ failure: why }) => why === undefined) === true;
  await workshop.close({ keepLogs: !isGood && !isEarly && !isSignal(stopping.signal.reason) });
  for (const signal of signals) process.off(signal, onSignal);
  board.close();

  if (isSignal(stopping.signal.reason)) {
    console.log(`stopped by ${stopping.signal.reason}: nothing is left running`);
    return stopping.signal.reason === 'SIGINT' ? 130 : stopping.signal.reason === 'SIGTERM' ? 143 : 129;
  }
  if (outcome) printOutcome(outcome, performance.now() - startedMs);
  if (isGood) return 0;
  if (isEarly) throw failure;
  const why = failure ?? new Error('a check failed');
  console.error(`holdfast: the demo failed: ${why instanceof Error ? why.message : String(why)}`);
  console.error(`holdfast: the logs are in ${workshop.logs}`);
  return 1;
}

const isReconciling = (held: HeldMachinesRow) => held.process === 'FleetReconcile';
const hasLogs = async ({ logs }: Workshop) => (await readdir(logs)).length > 0;
const isSignal = (reason: unknown): reason is NodeJS.Signals => typeof reason === 'string';

class Story {
  readonly #options: DemoOptions;
  readonly #machines: readonly string[];
  readonly #workshop: Workshop;
  readonly #board: Board;
  readonly #stopping: AbortController;

  constructor(
    options: DemoOptions,
    machines: readonly string[],
    workshop: Workshop,
    board: Board,
    stopping: AbortController,
  ) {
    this.#options = options;
    this.#machines = machines;
    this.#workshop = workshop;
    this.#board = board;
    this.#stopping = stopping;
  }

  async run(): Promise<Outcome> {
    this.#stopping.signal.throwIfAborted();
    await using db = await connect({
      applicationName: 'holdfast-demo',
      pool: { max: 4 },
      ...(this.#options.url !== undefined && { url: this.#options.url }),
    });
    const { system, version } = db.engine;
    this.#board.event(
      `database: ${system} ${version.join('.')}${this.#options.url === undefined ? '' : ' (yours)'}`,
    );
    const applied = await migrate(db.url, { sets: ['holdfast', 'fleet'] });
    this.#board.event(
      `migrated: ${applied.length > 0 ? applied.map(({ set, name }) => `${set} ${name}`).join(', ') : 'up to date'}`,
    );

    const [program, ...execArguments] = [process.execPath, ...process.execArgv];
    const children = new Children({
      command: [program as string, ...execArguments, process.argv[1] as string],
      logDirectory: this.#workshop.logs,
      env: {
        ...process.env,
        HOLDFAST_DATABASE_URL: db.url,
        NODE_COMPILE_CACHE: this.#workshop.compileCache,
      },
      onFailure: (error) => this.#stopping.abort(error),
    });
    const killAll = () => children.killAll();
    process.once('exit', killAll);
    try {
      await this.#workshop.warm;
      return await this.#tell(db, children);
    } finally {
      await children.stopAll(SETTINGS.graceMs);
      process.off('exit', killAll);
    }
  }

  async #tell(db: Database, children: Children): Promise<Outcome> {
    const since = (await databaseTime(db)).now;
    await this.#startComponents(children);
    const killed: Killed[] = [];

    const first = this.#machines[2] ?? this.#machines[0]!;
    const second = this.#machines[7] ?? this.#machines[0]!;

    // A component dies while it brings machines up.
    killed.push(await this.#killHolder(db, children, 'FleetInitialize'));
    await this.#until(db, children, 'every machine to run', this.#areRunning);
    this.#board.event(styleText('bold', `all ${this.#machines.length} machines are running`));
    await this.#pause(db, children);

    // An agent dies.
    let killedMs = await this.#killAgent(db, first);
    await this.#until(db, children, `${first} to be found silent`, ({ machines }) =>
      machines.some(({ name, state }) => name === first && state !== 'running'),
    );
    await this.#until(db, children, `${first} to run again`, this.#areRunning);
    this.#board.event(
      `${first} is running again, ${seconds(performance.now() - killedMs)} after its agent died`,
    );
    await this.#pause(db, children);

    // An agent dies, and then the component that is recovering it.
    killedMs = await this.#killAgent(db, second);
    killed.push(await this.#killHolder(db, children, 'FleetRecover'));
    await this.#until(db, children, `${second} to run again`, this.#areRunning);
    this.#board.event(
      `${second} is running again, ${seconds(performance.now() - killedMs)} after its agent died`,
    );

    // A recovery may still be under way: agents whose heartbeats were late count as silent too.
    await this.#until(
      db,
      children,
      'all work to end',
      (view) => this.#areRunning(view) && view.held.every(isReconciling),
    );
    return checkOutcome(db, { since, machines: this.#machines, directory: this.#workshop.machines, killed });
  }

  async #startComponents(children: Children): Promise<void> {
    const flags = (names: readonly (keyof typeof SETTINGS)[]) =>
      names.flatMap((name) => [
        `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        String(SETTINGS[name]),
      ]);
    // Room enough in each replica for all the work of another one; a later flag overrides.
    const common = [
      ...flags(['sessionIntervalMs', 'pollIntervalMs', 'graceMs']),
      '--parallelism',
      '100',
      '--stop-on-stdin-end',
    ];
    const start = (component: string, replicas: number, more: readonly string[]) =>
      Array.from({ length: replicas }, (_, index) =>
        children.start(`${component}-${index + 1}`, ['fleet', component, ...common, ...more]),
      );
    const apis = start('agent-api', 2, ['--listen', '127.0.0.1:0']);
    const others = [
      ...start('installer', 1, flags(['silentMs'])),
      ...start('janitor', 1, flags(['silentMs', 'sweepIntervalMs'])),
    ];
    const urls = await this.#race(Promise.all(apis.map((child) => child.logged('listening', 'url'))));
    const provider = [
      '--machines-directory',
      this.#workshop.machines,
      '--agent-api',
      urls.join(','),
      ...flags(['agentHeartbeatMs', 'agentLostAfterMs', 'createDelayMs', 'bootDelayMs']),
    ];
    others.push(
      ...start('provisioner', 2, [
        ...provider,
        '--inventory',
        this.#options.inventory,
        ...flags(['reconcileIntervalMs']),
        // Machines come in waves.
        '--parallelism',
        '3',
      ]),
      ...start('initializer', 2, provider),
      ...start('recoverer', 2, [...provider, ...flags(['silentMs', 'firstHeartbeatMs'])]),
    );
    await this.#race(Promise.all(others.map((child) => child.logged('started', 'health'))));
    this.#board.event(`${children.all.length} component processes are up`);
  }

  /** Waits until a process is at work, by two replicas if there is work for two, and kills the busier one. */
  async #killHolder(db: Database, children: Children, process: string): Promise<Killed> {
    const { holder } = await this.#until(db, children, `${process} to be held`, ({ held, machines }) => {
      const holders = children.all
        .filter((child) => child.state === 'running')
        .map((child) => ({
          child,
          count: held.filter((work) => work.process === process && isHeldBy(work, child)).length,
        }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count);
      if (holders.length < 2 && machines.some(({ state }) => state === 'wanted')) return undefined;
      return holders[0] && { holder: holders[0].child };
    });
    return this.#kill(db, holder);
  }

  async #kill(db: Database, holder: Child): Promise<Killed> {
    const { now: at } = await databaseTime(db);
    holder.kill();
    // Whatever is still its own now, it held when it died.
    const rows = await db.transact((tx) => heldMachines(tx), { readOnly: true });
    const work = rows.filter((row) => isHeldBy(row, holder));
    const names = work.map((row) => row.machine ?? row.target);
    const what = names.length > 3 ? `${names.length} machines` : names.join(', ');
    this.#board.event(
      styleText('red', `SIGKILL ${holder.name} (pid ${holder.pid}) while it holds ${what || 'nothing'}`),
    );
    if (work.length === 0) throw new Error(`${holder.name} had finished all its work when it was killed`);
    return { component: holder.name, at, work };
  }

  /** Resolves with the time, in milliseconds, at which the agent was killed. */
  async #killAgent(db: Database, name: string): Promise<number> {
    const machine = (await readFleet(db)).machines.find((candidate) => candidate.name === name);
    const directory = join(this.#workshop.machines, machine?.providerId ?? '');
    const agent = await findAgent(directory, machine?.agentEpoch ?? 0n);
    if (!agent) throw new Error(`${name} has no agent to kill`);
    process.kill(agent.pid, 'SIGKILL');
    const killedMs = performance.now();
    this.#board.event(styleText('red', `SIGKILL the agent of ${name} (pid ${agent.pid})`));
    return killedMs;
  }

  readonly #areRunning = ({ machines }: FleetView) =>
    machines.length >= this.#machines.length && machines.every(({ state }) => state === 'running');

  async #pause(db: Database, children: Children): Promise<void> {
    const end = performance.now() + PAUSE_MS;
    await this.#until(db, children, 'a pause', () => performance.now() > end);
  }

  /** Shows what goes on until something is so. */
  async #until<T>(
    db: Database,
    children: Children,
    what: string,
    condition: (view: FleetView) => T,
  ): Promise<NonNullable<Exclude<T, false>>> {
    for (const limitMs = performance.now() + STAGE_LIMIT_MS; ; ) {
      this.#stopping.signal.throwIfAborted();
      const view = await readFleet(db);
      this.#board.update(view, children.all);
      const value = condition(view);
      if (value) return value as NonNullable<Exclude<T, false>>;
      if (performance.now() > limitMs) throw new Error(`waited ${STAGE_LIMIT_MS / 1000} s for ${what}`);
      await sleep(REFRESH_MS, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  #race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#stopping;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(STAGE_LIMIT_MS)]);
    return Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        limit.addEventListener('abort', () => reject(limit.reason), { once: true });
        if (limit.aborted) reject(limit.reason);
      }),
    ]);
  }
}

function printOutcome(outcome: Outcome, elapsedMs: number): void {
  console.log('');
  console.log('take-over (promised: the session interval plus one poll)');
  for (const line of takeOverLines(outcome)) console.log(line);
  console.log('');
  for (const [name, value] of outcome.figures) console.log(`  ${name.padEnd(18)} ${value}`);
  console.log('');
  for (const { what, failure } of outcome.checks)
    console.log(
      failure === undefined
        ? `  ${styleText('green', 'ok')}      ${what}`
        : `  ${styleText('red', 'FAILED')}  ${what}: ${failure}`,
    );
  console.log(`\n${seconds(elapsedMs)} in all, everything stopped`);
}

/** One line for each component that was killed: how many pieces of work, how soon taken over. */
function takeOverLines({ takeOvers }: Outcome): string[] {
  const components = [...new Set(takeOvers.map(({ from }) => from))];
  return components.map((from) => {
    const own = takeOvers.filter((takeOver) => takeOver.from === from);
    const slowestMs = Math.max(...own.map(({ afterMs }) => afterMs));
    const lateMs = slowestMs - TAKE_OVER_BOUND_MS;
    const count = own.length === 1 ? `work on ${own[0]!.machine}` : `work on ${own.length} machines`;
    const verdict = lateMs <= 0 ? 'within' : `${seconds(lateMs)} later than`;
    return `  ${from.padEnd(18)} ${count} taken over ${seconds(slowestMs)} after SIGKILL, ${verdict} ${seconds(TAKE_OVER_BOUND_MS)}`;
  });
}
