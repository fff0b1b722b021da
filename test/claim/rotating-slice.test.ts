import { expect, test } from 'vitest';
import { bucketOf, MisuseError } from '../../src/index.ts';
import { rotatingSlice } from '../../src/work/rotating.ts';

test('an id has the same bucket everywhere: CRC-32 modulo the number of buckets', () => {
  expect(bucketOf('123456789', 1_000_000)).toBe(BigInt(0xcbf43926 % 1_000_000));
});

test('it stays where it finds work and moves on where it does not', async () => {
  const slice = rotatingSlice(8, () => 0.25);
  const looks: (readonly bigint[])[] = [];
  const look = (full: readonly bigint[]) => async (buckets: readonly bigint[]) => {
    looks.push(buckets);
    return buckets.filter((bucket) => full.includes(bucket));
  };
  expect(await slice.take(look([2n]))).toEqual([2n]);
  expect(await slice.take(look([2n]))).toEqual([2n]);
  expect(await slice.take(look([5n]))).toEqual([5n]);
  expect(slice.at).toBe(5n);
  expect(looks).toEqual([[2n], [2n], [2n], [3n, 4n], [5n, 6n, 7n, 0n]].map((l) => l));
});

test('finding less than wanted makes the next look a wider one, elsewhere', async () => {
  const slice = rotatingSlice(8, () => 0);
  const looks: (readonly bigint[])[] = [];
  const two = async (buckets: readonly bigint[]) => {
    looks.push(buckets);
    return [1, 2].slice(0, buckets.length);
  };
  for (let i = 0; i < 3; i++) await slice.take(two, 2);
  expect(looks).toEqual([[0n], [1n, 2n], [1n, 2n]]);
});

test('an empty queue is known after log2(buckets) + 1 looks, each bucket once', async () => {
  for (const buckets of [1, 2, 7, 64, 100]) {
    const slice = rotatingSlice(buckets);
    const seen: bigint[] = [];
    let looks = 0;
    const found = await slice.take(async (numbers) => {
      looks++;
      seen.push(...numbers);
      return [];
    });
    expect(found).toEqual([]);
    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: buckets }, (_, i) => i));
    expect(looks).toBeLessThanOrEqual(Math.floor(Math.log2(buckets)) + 1);
  }
});

test.each([0, -1, 1.5, Number.NaN, 1e6])('%s buckets are refused', (buckets) => {
  expect(() => rotatingSlice(buckets)).toThrow(MisuseError);
});
