import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { InvalidOptionError, sharedSlice } from '../../src/index.ts';

/** A queue in buckets, and looks into it that end when they are told to. */
function queue(contents: Readonly<Record<number, number>>) {
  const left = new Map(Object.entries(contents).map(([bucket, count]) => [Number(bucket), count]));
  const looks: { buckets: readonly bigint[]; wanted: number; who: unknown }[] = [];
  const who = new AsyncLocalStorage<string>();
  const slice = sharedSlice(
    8,
    async (buckets, wanted) => {
      looks.push({ buckets, wanted, who: who.getStore() });
      await new Promise(setImmediate);
      const found: string[] = [];
      for (const bucket of buckets.map(Number))
        for (; found.length < wanted && (left.get(bucket) ?? 0) > 0; left.set(bucket, left.get(bucket)! - 1))
          found.push(`${bucket}/${left.get(bucket)}`);
      return found;
    },
    () => 0,
  );
  return { slice, looks, who };
}

test('who asks while a look is under way is served by the next, which asks for all who wait', async () => {
  const { slice, looks } = queue({ 0: 100 });
  const found = await Promise.all(Array.from({ length: 12 }, () => slice.take()));
  expect(found.map(({ length }) => length)).toEqual(Array(12).fill(1));
  expect(new Set(found.flat()).size).toBe(12);
  expect(looks.map(({ wanted }) => wanted)).toEqual([1, 11]);
});

test('who came first is served first; the others go on looking elsewhere', async () => {
  const { slice, looks } = queue({ 0: 3, 5: 2 });
  const found = await Promise.all(Array.from({ length: 7 }, () => slice.take()));
  expect(found.flat()).toHaveLength(5);
  expect(found.map(({ length }) => length)).toEqual([1, 1, 1, 1, 1, 0, 0]);
  // Before it says that there is nothing it has looked into every bucket.
  const last = looks.slice(looks.findLastIndex(({ buckets }) => buckets.includes(5n)));
  expect(new Set(looks.flatMap(({ buckets }) => buckets)).size).toBe(8);
  expect(last.length).toBeGreaterThan(0);
});

test('each gets as many as it wants at most, and a look asks for no more than a hundred', async () => {
  const { slice, looks } = queue({ 0: 1_000 });
  const found = await Promise.all([slice.take(), ...Array.from({ length: 5 }, () => slice.take(30))]);
  expect(found.map(({ length }) => length)).toEqual([1, 30, 30, 30, 30, 30]);
  expect(looks.map(({ wanted }) => wanted)).toEqual([1, 90, 60]);
});

test('a look that fails fails those it was for; the next one is another', async () => {
  let looks = 0;
  const slice = sharedSlice(4, async (_, wanted) => {
    looks++;
    await new Promise(setImmediate);
    if (looks === 2) throw new Error('gone');
    return Array(wanted).fill('x');
  });
  const ends = await Promise.allSettled([slice.take(), slice.take(), slice.take()]);
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(await slice.take()).toEqual(['x']);
});

test('a look runs in the async context of the first for whom it is', async () => {
  const { slice, looks, who } = queue({ 0: 9 });
  await Promise.all(['ann', 'bob', 'cyd'].map((name) => who.run(name, () => slice.take())));
  expect(looks.map((look) => look.who)).toEqual(['ann', 'bob']);
});

test.each([0, -1, 1.5, 101, Number.NaN])('%s wanted are refused', (wanted) => {
  const { slice } = queue({});
  expect(() => slice.take(wanted)).toThrow(InvalidOptionError);
});

test('a look that is no function is refused', () => {
  expect(() => sharedSlice(4, undefined as never)).toThrow(InvalidOptionError);
  expect(() => sharedSlice(0, async () => [])).toThrow(InvalidOptionError);
});
