import { randomUUID } from 'node:crypto';
import type {
  Backoff,
  Candidate,
  CandidateSource,
  ControlLoop,
  ControlLoopOptions,
  Database,
} from '../../../../src/index.ts';
import { runControlLoop } from '../../../../src/index.ts';
import type { Logger } from '../logger.ts';

/** What all components have in common. */
export interface ComponentOptions {
  readonly log: Logger;
  /** How many targets a replica works on at once, per process. */
  readonly parallelism: number;
  /** How long a replica may be cut off or dead before others take its work over, in milliseconds. */
  readonly sessionIntervalMs: number;
  /** How often an idle replica looks for work, in milliseconds. */
  readonly pollIntervalMs: number;
}

/** One running replica of a component. */
export interface Component {
  readonly name: string;
  /** Resolves when it has stopped; rejects when it cannot go on. */
  readonly done: Promise<void>;
  /** Takes no new work, gives what is under way the grace time, hands the rest back. */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

/** A control loop of a component: what differs from one to the next. */
export type LoopOptions = CandidateSource &
  Pick<ControlLoopOptions, 'handle'> & {
    readonly parallelism?: number;
  };

/** A machine that keeps failing is tried less and less often, up to a minute apart. */
const BACKOFF: Backoff = { initialMs: 1_000, maximumMs: 60_000, exponent: 2 };

/** Runs a component's control loops as one. */
export function runComponent(
  db: Database,
  name: string,
  options: ComponentOptions,
  loops: readonly LoopOptions[],
): Component {
  const running: ControlLoop[] = loops.map((loop) =>
    runControlLoop(db, {
      component: name,
      parallelism: options.parallelism,
      intervalMs: options.sessionIntervalMs,
      pollIntervalMs: options.pollIntervalMs,
      backoff: BACKOFF,
      onError: (error, during) =>
        options.log.warn({ err: error, kind: loop.kind, during }, 'survived an error'),
      source: loop,
      handle: loop.handle,
      ...(loop.parallelism === undefined ? {} : { parallelism: loop.parallelism }),
    }),
  );
  return {
    name,
    done: Promise.all(running.map((loop) => loop.done)).then(() => {}),
    stop: async (grace) => {
      await Promise.all(running.map((loop) => loop.stop(grace)));
    },
  };
}

/** Parameters of a retrieval: how many, from a random place on, so that replicas look at different machines. */
export const startAt = (wanted: number) => ({ startAt: randomUUID(), wanted: BigInt(wanted) });

/** Candidates of which each excludes all other work on its machine: one hand on a machine at a time. */
export const exclusively = (machines: readonly { readonly machineId: string }[]): Candidate[] =>
  machines.map(({ machineId }) => ({
    target: machineId,
    exclude: [{ group: 'fleet-machine', key: machineId }],
  }));
