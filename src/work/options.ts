import { invalidOption, isText } from '../base/index.ts';
import type { Backoff } from './backoff.ts';
import type { Source } from './source.ts';

/** How long a parked work is left alone: until a time, for so many milliseconds, or (undefined) until it is woken. */
export type ParkUntil = Date | { readonly ms: number };

/** Options of `fail`. */
export interface FailOptions {
  /** For how long the target is left alone. Default: one second. */
  readonly backoff?: Backoff | undefined;
}

/** Options of `finish`: what to claim in the same commit. */
export interface FinishOptions {
  /** A compiled `:claim` query, with its parameters if it has any. */
  readonly claim: Source;
  /** How many to claim: 1 to 10,000. Default 1. */
  readonly wanted?: number;
}

export function checkWanted(wanted: number): number {
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 10_000)
    throw invalidOption('wanted', `${wanted} is not a whole number from 1 to 10000`);
  return wanted;
}

export function checkCause(cause: string): string {
  if (!isText(cause)) throw invalidOption('cause', 'expected a text, without zero bytes');
  return cause;
}

/** Milliseconds of a delay, -1 for none, or the time itself. */
export function checkUntil(until: ParkUntil | undefined): { delayMs: bigint; until?: Date } {
  if (until === undefined) return { delayMs: -1n };
  if (until instanceof Date && !Number.isNaN(until.getTime())) return { delayMs: 0n, until };
  const { ms } = until as { readonly ms?: unknown };
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= 1e13))
    throw invalidOption('until', 'expected a Date, { ms } of 0 or more, or nothing');
  return { delayMs: BigInt(Math.ceil(ms)) };
}
