import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { Batcher } from '../../src/work/batcher.ts';

/** Batches that end when they are told to. */
function line(capacity: number) {
  const batches: { calls: readonly number[]; settle: (error?: Error) => void; who: unknown }[] = [];
  const who = new AsyncLocalStorage<string>();
  const batcher = new Batcher<number, number>(capacity, (calls) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ value: number }[]>();
    const settle = (error?: Error) =>
      error ? reject(error) : resolve(calls.map((call) => ({ value: 10 * call })));
    batches.push({ calls, settle, who: who.getStore() });
    return promise;
  });
  return { batches, batcher, who };
}
const nextBatch = () => new Promise(setImmediate).then(() => new Promise(setImmediate));

test('those that come while a batch is under way are in the next one, each with its own answer', async () => {
  const { batches, batcher } = line(10);
  const answers = Promise.all([1, 2, 3].map((call) => batcher.call('a', 1, call)));
  const other = batcher.call('b', 1, 9);
  expect(batches.map(({ calls }) => calls)).toEqual([[1], [9]]);
  batches[1]!.settle();
  expect(await other).toBe(90);
  batches[0]!.settle();
  await nextBatch();
  expect(batches.map(({ calls }) => calls)).toEqual([[1], [9], [2, 3]]);
  batches[2]!.settle();
  expect(await answers).toEqual([10, 20, 30]);
});

test('a batch holds what it can; what fills one by itself is made at once', async () => {
  const { batches, batcher } = line(3);
  const answers = Promise.all([
    batcher.call('a', 1, 1),
    batcher.call('a', 2, 2),
    batcher.call('a', 2, 3),
    batcher.call('a', 3, 4),
  ]);
  expect(batches.map(({ calls }) => calls)).toEqual([[1], [4]]);
  for (let settled = 0; settled < 4; settled++) {
    batches[settled]!.settle();
    await nextBatch();
  }
  expect(batches.map(({ calls }) => calls)).toEqual([[1], [4], [2], [3]]);
  expect(await answers).toEqual([10, 20, 30, 40]);
});

test('a batch that fails fails all that are in it, and the next one is made all the same', async () => {
  const { batches, batcher } = line(10);
  const answers = Promise.allSettled([1, 2, 3].map((call) => batcher.call('a', 1, call)));
  batches[0]!.settle();
  await nextBatch();
  batches[1]!.settle(new Error('lost'));
  expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  const late = batcher.call('a', 1, 4);
  await nextBatch();
  batches[2]!.settle();
  expect(await late).toBe(40);
});

test('a batch runs in the async context of its first caller', async () => {
  const { batches, batcher, who } = line(10);
  const answers = Promise.all(
    ['ann', 'bob', 'cyd'].map((name, i) => who.run(name, () => batcher.call('a', 1, i))),
  );
  batches[0]!.settle();
  await nextBatch();
  batches[1]!.settle();
  await answers;
  expect(batches.map((batch) => batch.who)).toEqual(['ann', 'bob']);
});
