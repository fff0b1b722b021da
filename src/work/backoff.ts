import { z } from 'zod';

const SECOND_NS = 1e9;

/**
 * For how long a failed target is left alone. Periods are whole seconds, rounded up; a period that grows is
 * never stuck on one value, so an exponent of 1.1 from one second gives 1, 2, 3, ... 10, 11, 13, 15, 17.
 * Unset fields: initial one second, maximum the initial, exponent 1. Nothing but the last period is kept in
 * the database; finish clears it. After Monogon's BMDB.
 */
export const backoffSchema = z.strictObject({
  /** First period, and every period when the exponent is 1. Less than a second counts as one second. Default 1,000. */
  initialMs: z.number().nonnegative().optional(),
  /** Longest period. Less than the initial counts as the initial. Default: the initial. */
  maximumMs: z.number().nonnegative().optional(),
  /** Factor from one period to the next. Less than 1 counts as 1. Default 1. */
  exponent: z.number().nonnegative().optional(),
  /** `none`, or `full`: the wait is uniform between zero and the period. Default `none`. */
  jitter: z.enum(['none', 'full']).optional(),
});

/**
 * For how long a failed target is left alone, in milliseconds, rounded up to whole seconds. `{}` is one second each
 * time; `{ initialMs }` always that; `{ maximumMs, exponent }` grows from one second.
 */
export type Backoff = z.input<typeof backoffSchema>;

/** For what throws, where nothing else is said. */
export const DEFAULT_BACKOFF: Backoff = { initialMs: 1_000, maximumMs: 60_000, exponent: 2 };

/** The next period in whole seconds, from the last one (undefined: the first failure). */
export function nextBackoffSeconds(backoff: Backoff | undefined, lastSeconds: number | undefined): number {
  if (!backoff) return 1;
  const exponent = Math.max(1, backoff.exponent ?? 1);
  const initialNs = Math.max(SECOND_NS, (backoff.initialMs ?? 0) * 1e6);
  const maximumNs = Math.max(initialNs, (backoff.maximumMs ?? 0) * 1e6);
  if (exponent === 1 || lastSeconds === undefined) return Math.ceil(initialNs / SECOND_NS);
  // Whole nanoseconds, so that 10 s times 1.1 is 11 s and not a hair more.
  const grownNs = Math.floor(Math.max(1, lastSeconds) * SECOND_NS * exponent);
  return Math.ceil(Math.min(grownNs, maximumNs) / SECOND_NS);
}

/** The wait itself, in whole milliseconds. */
export function backoffDelayMs(backoff: Backoff | undefined, seconds: number, random = Math.random): number {
  const periodMs = seconds * 1_000;
  return backoff?.jitter === 'full' ? Math.ceil((1 - random()) * periodMs) : periodMs;
}
