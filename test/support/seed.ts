import { randomInt } from 'node:crypto';

/** Pseudo-random numbers that a printed seed repeats. */
export interface SeededRandom {
  readonly seed: number;
  /** From 0 up to, not including, 1. */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number;
  pick<T>(items: readonly T[]): T;
}

/**
 * Takes the seed that is given, or the one from HOLDFAST_TEST_SEED, or draws one, and prints it unless told to be quiet, so
 * that a failure can be repeated. The generator is mulberry32.
 */
export function seededRandom(
  name: string,
  options: { readonly seed?: number | undefined; readonly quiet?: boolean } = {},
): SeededRandom {
  const given = process.env['HOLDFAST_TEST_SEED'];
  const seed = options.seed ?? (given ? Number(given) : randomInt(2 ** 31));
  if (!options.quiet) console.log(`${name}: HOLDFAST_TEST_SEED=${seed}`);
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return { seed, next, integer, pick: (items) => items[integer(0, items.length - 1)]! };
}
