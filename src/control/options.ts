import { z } from 'zod';
import type { Database, Retrieve } from '../client/index.ts';
import { backoffSchema, type Work } from '../work/index.ts';

const fn = <T>() => z.custom<T>((value) => typeof value === 'function', 'expected a function');

export const controlLoopSchema = z.strictObject({
  /** Name of the process, as in history: one holder per (process, target). */
  process: z.string().min(1),
  /** Whose work this is, in metrics. Default: the process. */
  processor: z.string().min(1).optional(),
  /** Component name of the session. Default: the processor. */
  component: z.string().min(1).optional(),
  runtimeInfo: z.string().optional(),
  /** Session interval. Default 5,000. */
  intervalMs: z.int().min(100).optional(),
  /** Pieces of work handled at once. Default 1. */
  parallelism: z.int().min(1).max(10_000).optional(),
  /** Longest pause between two looks when there is nothing to do; each is jittered. Default 1,000. */
  pollIntervalMs: z.number().positive().optional(),
  /** Most looks at the database a second, whatever happens. Default 20. */
  maxPollsPerSecond: z.number().positive().max(10_000).optional(),
  /** Backoff for work whose handler throws. Default 1 s, doubling to 60 s, full jitter off. */
  backoff: backoffSchema.optional(),
  retrieve: fn<Retrieve>(),
  handle: fn<Handle>(),
  /** Told of every error that the loop survives: failed looks, lost sessions, handlers that threw. */
  onError: fn<(error: unknown, during: LoopPhase) => void>().optional(),
});

export type LoopPhase = 'session' | 'retrieve' | 'handle' | 'end';

/**
 * Does the work. Should end it with `work.finish`; work that is not ended when the handler returns is failed.
 * `signal` aborts when the session expires, when the work is lost, and when the drain's grace time is over.
 */
export type Handle = (work: Work, signal: AbortSignal) => Promise<void>;

export type ControlLoopOptions = z.input<typeof controlLoopSchema>;

export interface ControlLoop {
  /** Resolves when the loop has ended after `stop`; never rejects. */
  readonly done: Promise<void>;
  /** What is going on now, for health checks. */
  readonly state: LoopState;
  /**
   * Drains: takes nothing new, lets handlers run for `graceMs` (default 10,000), then aborts their signals and
   * cancels their work, closes the session. Resolves when nothing is held any more.
   */
  stop(options?: { graceMs?: number }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LoopState {
  readonly running: boolean;
  readonly sessionId: string | undefined;
  readonly active: number;
  /** Milliseconds since the last look at the database that succeeded; undefined before the first. */
  readonly lastPollAgeMs: number | undefined;
}

export type LoopHost = Pick<Database, 'startSession'>;
