/** What happens in the demo, and in which order. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import type { Database } from '../../../src/index.ts';
import { findAgent } from '../src/provider/agent-directory.ts';
import { type HeldMachinesRow, takeOvers } from '../src/queries/audit.ts';
import type { Board } from './board.ts';
import type { Child } from './child.ts';
import { type FleetView, isHeldBy, readFleet } from './fleet-view.ts';
import { PAUSE_MS, STAGE_LIMIT_MS } from './settings.ts';
import { seconds } from './summary.ts';
import type { Supervisor } from './supervisor.ts';

export interface Stage {
  readonly db: Database;
  readonly supervisor: Supervisor;
  readonly board: Board;
  /** Names of the inventory. */
  readonly machines: readonly string[];
  readonly machinesDirectory: string;
  /** By the database's clock, before the first component was started. */
  readonly since: Date;
  readonly stopping: AbortSignal;
}

const REFRESH_MS = 150;
/** How often a component is killed so that one is seen at work. */
const MOST_TRIES = 3;
const isReconciling = (held: HeldMachinesRow) => held.kind === 'FleetReconcile';

/** Resolves when everything has healed and all work has ended. */
export async function tellStory(stage: Stage): Promise<void> {
  const { board, machines, supervisor } = stage;
  const first = machines[2] ?? machines[0]!;
  const second = machines[7] ?? machines[0]!;
  const areRunning = (view: FleetView) =>
    view.machines.length >= machines.length && view.machines.every(({ state }) => state === 'running');

  // A component dies while it brings machines up.
  for (let tries = 1; ; tries++) {
    const holder = await holderOf(stage, 'FleetInitialize', areRunning);
    if (holder === undefined || tries > MOST_TRIES) {
      board.event(
        'all machines are up before a component could be killed at work: this host is too slow for that',
      );
      break;
    }
    if (await supervisor.kill(holder)) break;
  }
  await until(stage, 'every machine to run', areRunning);
  board.event(styleText('bold', `all ${machines.length} machines are running`));
  const pauseEndsMs = performance.now() + PAUSE_MS;
  await until(stage, 'a pause', () => performance.now() > pauseEndsMs);

  // An agent dies.
  let killedMs = await killAgent(stage, first);
  const again = (name: string) =>
    board.event(`${name} is running again, ${seconds(performance.now() - killedMs)} after its agent died`);
  await until(stage, `${first} to be found silent`, isSilent(first));
  await until(stage, `${first} to run again`, areRunning);
  again(first);

  // An agent dies, and then the component that is recovering it, unless that is done already: then another agent does.
  for (let tries = 1; ; tries++) {
    killedMs = await killAgent(stage, second);
    await until(stage, `${second} to be found silent`, isSilent(second));
    const holder = await holderOf(stage, 'FleetRecover', areRunning);
    const isSeen = holder !== undefined && (await supervisor.kill(holder));
    await until(stage, `${second} to run again`, areRunning);
    again(second);
    if (isSeen) break;
    if (tries === MOST_TRIES) {
      board.event('no component could be killed while it recovers an agent: this host is too slow for that');
      break;
    }
  }

  // A recovery may still be under way: agents whose heartbeats were late count as silent too.
  await until(stage, 'all work to end', (view) => areRunning(view) && view.held.every(isReconciling));
  await untilTakenOver(stage);
}

const isSilent = (machine: string) => (view: FleetView) =>
  view.machines.some(({ name, state }) => name === machine && state !== 'running');

/**
 * Waits until a process is at work, by two replicas if there is work for two. Resolves with the busier one, or with undefined
 * when all work was done before it was seen.
 */
async function holderOf(
  stage: Stage,
  kind: string,
  isDone: (view: FleetView) => boolean,
): Promise<Child | undefined> {
  const { holder } = await until(stage, `${kind} to be held`, (view) => {
    if (isDone(view)) return { holder: undefined };
    const { held, machines } = view;
    const holders = stage.supervisor.children
      .filter((child) => child.state === 'running')
      .map((child) => ({
        child,
        count: held.filter((work) => work.kind === kind && isHeldBy(work, child)).length,
      }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count);
    if (holders.length < 2 && machines.some(({ state }) => state === 'wanted')) return undefined;
    return holders[0] && { holder: holders[0].child };
  });
  return holder;
}

/** Resolves with the time, in milliseconds, at which the agent was killed. */
async function killAgent({ db, board, machinesDirectory }: Stage, name: string): Promise<number> {
  const machine = (await readFleet(db)).machines.find((candidate) => candidate.name === name);
  const agent = await findAgent(
    join(machinesDirectory, machine?.providerId ?? ''),
    machine?.agentEpoch ?? 0n,
  );
  if (!agent) throw new Error(`${name} has no agent to kill`);
  process.kill(agent.pid, 'SIGKILL');
  const killedMs = performance.now();
  board.event(styleText('red', `SIGKILL the agent of ${name} (pid ${agent.pid})`));
  return killedMs;
}

/** What a killed component held somebody else has by now, or had; nothing is still in a dead one's name. */
async function untilTakenOver(stage: Stage): Promise<void> {
  const { db, since, supervisor } = stage;
  for (const killed of await supervisor.killed()) {
    for (const { kind, target, token } of killed.work) {
      const isIt = (row: { kind: string; target: string; token: bigint }) =>
        row.kind === kind && row.target === target && row.token === token;
      await until(
        stage,
        `${kind} of ${target} to be taken over from ${killed.component}`,
        async ({ held }) => {
          if (held.some(isIt)) return false;
          if (!killed.isStaged) return true;
          return (await db.transact((tx) => takeOvers(tx, { since }), { readOnly: true })).some(isIt);
        },
      );
    }
  }
}

/** What changes when anything goes on: states, agents that were started, work by its tokens. */
const progressOf = ({ machines, held }: FleetView) =>
  JSON.stringify([
    machines.map(({ name, state, agentEpoch }) => `${name} ${state} ${agentEpoch}`),
    held
      .filter((work) => !isReconciling(work))
      .map(({ kind, target, token }) => `${kind} ${target} ${token}`),
  ]);

/** Shows what goes on until something is so. */
async function until<T>(
  { db, board, supervisor, stopping }: Stage,
  what: string,
  condition: (view: FleetView) => T | Promise<T>,
): Promise<NonNullable<Exclude<T, false>>> {
  let seen = '';
  // From the last change: a slow host is waited for, one where nothing goes on is not.
  for (let limitMs = 0; ; ) {
    stopping.throwIfAborted();
    const view = await readFleet(db);
    const now = progressOf(view);
    if (now !== seen) limitMs = performance.now() + STAGE_LIMIT_MS;
    seen = now;
    board.update(view, supervisor.children);
    const value = await condition(view);
    if (value) return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > limitMs)
      throw new Error(`waited ${STAGE_LIMIT_MS / 1000} s for ${what}, and nothing went on`);
    await sleep(REFRESH_MS, undefined, { signal: stopping }).catch(() => {});
  }
}
