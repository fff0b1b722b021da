import { z } from 'zod';
import { type SessionOptions, sessionOptionsSchema } from '../sessions/index.ts';
import type { Watch } from '../topics/index.ts';
import { backoffSchema } from './backoff.ts';
import type { Session } from './session.ts';
import type { Source } from './source.ts';
import type { Work } from './work.ts';

const fn = <T>() => z.custom<T>((value) => typeof value === 'function', 'expected a function');
const ofSession = sessionOptionsSchema.shape;

/** Options of `runControlLoop`. Durations are milliseconds. */
export const controlLoopSchema = z.strictObject({
  /** Where its work comes from: a compiled `:claim`, or `{ kind, candidates: (tx, wanted) => targets }`, best first. */
  source: z.custom<Source>((value) => typeof value === 'object' && value !== null, 'expected a source'),
  /** Name of the program, of its session, in spans and metrics. Default: the kind. */
  component: ofSession.component.optional(),
  /** Of the session. Default: host name and pid. */
  instance: ofSession.instance,
  /** Of the session: others take over this long after its last heartbeat. Default 5,000. */
  intervalMs: ofSession.intervalMs,
  /** Pieces of work handled at once, 1 to 10,000. Default 1. */
  parallelism: z.int().min(1).max(10_000).optional(),
  /** Longest pause between two looks when there is nothing to do; jitter only shortens it. Default 1,000. */
  pollIntervalMs: z.number().positive().optional(),
  /** Backoff for work whose handler throws or does not end it. Default 1 s, doubling to 60 s, no jitter. */
  backoff: backoffSchema.optional(),
  /** `(work, signal) => Promise<void>`: does the work and ends it. */
  handle: fn<Handle>(),
  /**
   * `(error, during) => void`: told of every error that the loop survives: failed claims, lost sessions, handlers that
   * threw. What it throws becomes a process warning. Default: none.
   */
  onError: fn<(error: unknown, during: LoopPhase) => void>().optional(),
});

/**
 * What the loop was doing when an error came: starting or keeping its session, claiming work, handling it
 * (the handler threw), or ending what the handler left (and closing the session).
 */
export type LoopPhase = 'session' | 'claim' | 'handle' | 'end';

/**
 * Does the work. Should end it, mostly by `work.finish`; work that is not ended when the handler returns is
 * failed, and so is work whose handler throws, with the error's code and message as the cause in the history.
 * `signal` aborts when the session expires, when the work is lost, and when the drain's grace time is over: by
 * then the work is canceled whether or not the handler returns.
 */
export type Handle = (work: Work, signal: AbortSignal) => Promise<void>;

/** Options of `runControlLoop`: `source` and `handle` are required. Durations are milliseconds. */
export type ControlLoopOptions = z.input<typeof controlLoopSchema>;

/** A running control loop. `await using` stops it with the default grace time. */
export interface ControlLoop {
  /** Resolves when the loop has ended after `stop`; never rejects. */
  readonly done: Promise<void>;
  /** What is going on now, for health checks. */
  readonly state: LoopState;
  /**
   * Drains: takes nothing new, lets handlers run for `graceMs` (default 10,000), then aborts their signals and
   * cancels their work, closes the session. Resolves when nothing is held any more. Should the database be out of
   * reach, what is held becomes free by the session's deadline. Rejects for nothing but a wrong option, with
   * MisuseError, and then has stopped nothing.
   */
  stop(options?: { graceMs?: number }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A control loop at one moment. */
export interface LoopState {
  /** False once `done` has resolved. */
  readonly running: boolean;
  /** The session in use, or the last one; undefined before the first and while a lost one is being replaced. */
  readonly sessionId: string | undefined;
  /** Pieces of work being handled. */
  readonly active: number;
  /** Pieces of work that were claimed ahead and wait for a free handler. */
  readonly ready: number;
  /** Milliseconds since the last look at the database that succeeded; undefined before the first. */
  readonly lastPollAgeMs: number | undefined;
}

/** Options of `stop`; Infinity waits for as long as handlers take. */
export const stopSchema = z.strictObject({
  graceMs: z.union([z.number().min(0), z.literal(Infinity)]).optional(),
});

/** What a control loop needs of a database handle. */
export interface LoopHost {
  startSession(options: SessionOptions): Promise<Session>;
  watch(topic: string): Watch;
}
