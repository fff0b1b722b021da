/** The demo, from an empty folder to an empty folder. */
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../../../src/cli/support/usage-error.ts';
import { connect, type Database, HoldfastError, migrate } from '../../../src/index.ts';
import { readInventory } from '../src/inventory/inventory.ts';
import { databaseTime } from '../src/queries/audit.ts';
import { FLEET_SCHEMA } from '../src/schema.ts';
import { type Board, createPlainBoard, createTerminalBoard } from './board.ts';
import { checkOutcome, type Outcome } from './checks.ts';
import { startComponents } from './components.ts';
import { leaveStuck, openConsole } from './console.ts';
import { readFleet } from './fleet-view.ts';
import { SETTINGS, START_LIMIT_MS } from './settings.ts';
import { tellStory } from './story.ts';
import { printOutcome } from './summary.ts';
import { Supervisor } from './supervisor.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

export interface DemoOptions {
  readonly inventory: string;
  readonly url?: string;
  readonly plain: boolean;
  /** Serves the console, and goes on until it is told to stop. */
  readonly console?: boolean;
}

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
    outcome = await play(options, names, workshop, board, stopping);
  } catch (error) {
    failure = error;
  }
  // Nothing has begun: the command line, or the database that it names, is wrong.
  const isEarly = failure instanceof HoldfastError && !(await hasLogs(workshop));
  const isGood = outcome?.checks.every(({ failure: why }) => why === undefined) === true;
  await workshop.close({ keepLogs: !isGood && !isEarly && !isSignal(stopping.signal.reason) });
  for (const signal of signals) process.off(signal, onSignal);
  board.close();

  // With the console it goes on until somebody stops it, which is how it ends well.
  if (isSignal(stopping.signal.reason) && !(options.console && outcome)) {
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

const hasLogs = async ({ logs }: Workshop) => (await readdir(logs)).length > 0;
const isSignal = (reason: unknown): reason is NodeJS.Signals => typeof reason === 'string';

async function play(
  options: DemoOptions,
  machines: readonly string[],
  workshop: Workshop,
  board: Board,
  stopping: AbortController,
): Promise<Outcome> {
  const { signal } = stopping;
  signal.throwIfAborted();
  await using db = await connect({
    applicationName: 'holdfast-demo',
    pool: { max: 4 },
    ...(options.url !== undefined && { url: options.url }),
  });
  const { system, version } = db.engine;
  board.event(`database: ${system} ${version.join('.')}${options.url === undefined ? '' : ' (yours)'}`);
  const applied = await migrate(db.url, { sets: ['holdfast', FLEET_SCHEMA] });
  const names = applied.map(({ set, name }) => `${set} ${name}`).join(', ');
  board.event(`migrated: ${names || 'up to date'}`);

  await using pages = options.console ? await openConsole(db) : undefined;
  if (pages) board.event(`the console is at ${pages.url}`);
  const supervisor = superviseFor(db, workshop, board, stopping);
  const killAll = () => supervisor.killAll();
  process.once('exit', killAll);
  try {
    await workshop.warm;
    const { now: since } = await databaseTime(db);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(START_LIMIT_MS)]);
    const machinesDirectory = workshop.machines;
    const count = await startComponents(supervisor, {
      inventory: options.inventory,
      machinesDirectory,
      limit,
    });
    board.event(`${count} component processes are up`);
    await tellStory({ db, supervisor, board, machines, machinesDirectory, since, stopping: signal });
    const killed = await supervisor.killed();
    const outcome = await checkOutcome(db, { since, machines, directory: machinesDirectory, killed });
    if (pages) {
      const stuck = await leaveStuck(db, machinesDirectory);
      board.event(`${stuck} is stuck: find out why at ${pages.url}, and make it move; Ctrl-C ends`);
      await untilStopped({ db, board, supervisor, signal });
    }
    return outcome;
  } finally {
    await supervisor.stopAll(SETTINGS.graceMs);
    process.off('exit', killAll);
  }
}

/** Shows what goes on until somebody says that it is enough, or something fails. */
async function untilStopped(stage: {
  readonly db: Database;
  readonly board: Board;
  readonly supervisor: Supervisor;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { db, board, supervisor, signal } = stage;
  while (!signal.aborted) {
    board.update(await readFleet(db), supervisor.children);
    await sleep(1_000, undefined, { signal }).catch(() => {});
  }
  if (!isSignal(signal.reason)) throw signal.reason;
}

function superviseFor(db: Database, workshop: Workshop, board: Board, stopping: AbortController): Supervisor {
  return new Supervisor({
    command: [process.execPath, ...process.execArgv, process.argv[1] as string],
    logDirectory: workshop.logs,
    env: { ...process.env, HOLDFAST_DATABASE_URL: db.url, NODE_COMPILE_CACHE: workshop.compileCache },
    db,
    board,
    onFailure: (error) => stopping.abort(error),
  });
}
