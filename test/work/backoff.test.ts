import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Backoff, backoffDelayMs, nextBackoffSeconds } from '../../src/work/backoff.ts';

const sequence = (backoff: Backoff | undefined, length: number) => {
  const periods: number[] = [];
  for (let i = 0; i < length; i++) periods.push(nextBackoffSeconds(backoff, periods.at(-1)));
  return periods;
};

const anyBackoff = fc.record(
  {
    initialMs: fc.integer({ min: 0, max: 3_600_000 }),
    maximumMs: fc.integer({ min: 0, max: 36_000_000 }),
    exponent: fc.double({ min: 0, max: 10, noNaN: true }),
  },
  { requiredKeys: [] },
);

describe('backoff periods', () => {
  test('an exponent of 1.1 from one second climbs by whole seconds', () => {
    expect(sequence({ initialMs: 1_000, maximumMs: 60_000, exponent: 1.1 }, 14)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17,
    ]);
  });

  test('none given is one second, every time', () => {
    expect(sequence(undefined, 4)).toEqual([1, 1, 1, 1]);
    expect(sequence({}, 4)).toEqual([1, 1, 1, 1]);
  });

  test('only an initial: always that', () => {
    expect(sequence({ initialMs: 7_000 }, 3)).toEqual([7, 7, 7]);
  });

  test('only maximum and exponent: from one second up to the maximum', () => {
    expect(sequence({ maximumMs: 5_000, exponent: 2 }, 5)).toEqual([1, 2, 4, 5, 5]);
  });

  test('a simple backoff gives the initial again after a longer one was recorded', () => {
    expect(nextBackoffSeconds({ initialMs: 3_000 }, 60)).toBe(3);
  });

  test('every period is a whole number of seconds within one second and the cap', () => {
    fc.assert(
      fc.property(
        anyBackoff,
        fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined }),
        (backoff, last) => {
          const seconds = nextBackoffSeconds(backoff, last);
          const cap = Math.max(1_000, backoff.initialMs ?? 0, backoff.maximumMs ?? 0);
          expect(Number.isInteger(seconds)).toBe(true);
          expect(seconds).toBeGreaterThanOrEqual(1);
          expect(seconds).toBeLessThanOrEqual(Math.ceil(cap / 1_000));
        },
      ),
    );
  });

  test('an exponent above 1 is never stuck below the cap', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1.000001, max: 10, noNaN: true }),
        fc.integer({ min: 1, max: 100_000 }),
        (exponent, last) => {
          const next = nextBackoffSeconds({ maximumMs: 1e12, exponent }, last);
          expect(next).toBeGreaterThan(last);
          expect(next).toBeLessThanOrEqual(Math.ceil(last * exponent) + 1);
        },
      ),
    );
  });

  test('full jitter waits between nothing and the period, never longer; none waits exactly the period', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (seconds, drawn) => {
          const delay = backoffDelayMs({ jitter: 'full' }, seconds, () => drawn);
          expect(delay).toBeGreaterThanOrEqual(1);
          expect(delay).toBeLessThanOrEqual(seconds * 1_000);
          expect(backoffDelayMs({}, seconds, () => drawn)).toBe(seconds * 1_000);
        },
      ),
    );
  });
});
