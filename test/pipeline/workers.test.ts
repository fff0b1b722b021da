import { expect, test } from 'vitest';
import { batched, concurrently, each, gather, Pipeline, settle } from '../../src/pipeline/index.ts';
import { atRest, gate, noting, numbers, outOf } from './support.ts';

test('each takes one item after another, in order', async () => {
  let running = 0;
  const slow = each<number>('slow', async (item) => {
    expect(running++).toBe(0);
    if (item % 3 === 0) await atRest();
    running--;
  });
  expect(await outOf(new Pipeline([slow]), numbers(10))).toEqual(numbers(10));
});

test.each([
  ['each', each<number>('work', (item) => (item === 1 ? null : item === 2 ? 20 : undefined))],
  ['each, async', each<number>('work', async (item) => (item === 1 ? null : item === 2 ? 20 : undefined))],
  [
    'concurrently',
    concurrently<number>('work', async (item) => (item === 1 ? null : item === 2 ? 20 : undefined), {
      limit: 1,
    }),
  ],
])('%s: nothing means the item itself, null none, anything else takes its place', async (_, stage) => {
  expect(await outOf(new Pipeline([stage]), numbers(4))).toEqual([0, 20, 3]);
});

test.each([
  ['each', each<number>('work', (item) => (item === 2 ? new Promise<void>(() => {}) : Promise.resolve()))],
  [
    'concurrently',
    concurrently<number>('work', (item) => (item === 2 ? new Promise<void>(() => {}) : Promise.resolve()), {
      limit: 3,
    }),
  ],
])('%s: what is done goes on before what is slow', async (_, stage) => {
  const { batches, stage: noted } = noting<number>('note', { batch: { min: 1 } });
  void new Pipeline([stage, noted]).run([numbers(3)]);
  await atRest();
  expect(batches.flat()).toEqual([0, 1]);
});

test('concurrently has up to its limit under way and no more, and starts the next when one is done', async () => {
  const gates = new Map<number, ReturnType<typeof gate>>();
  const calls = concurrently<number>(
    'calls',
    async (item) => {
      const one = gate();
      gates.set(item, one);
      await one.opened;
      gates.delete(item);
    },
    { limit: 3 },
  );
  const { batches, stage: noted } = noting<number>('note', { batch: { min: 1 } });
  const running = new Pipeline([calls, noted]).run([numbers(6)]);
  await atRest();
  expect([...gates.keys()]).toEqual([0, 1, 2]);
  gates.get(1)!.open();
  await atRest();
  expect([...gates.keys()]).toEqual([0, 2, 3]);
  expect(batches.flat()).toEqual([1]);
  while (gates.size > 0) {
    for (const one of gates.values()) one.open();
    await atRest();
  }
  await running;
  expect(batches.flat().toSorted()).toEqual(numbers(6));
});

test('concurrently begins no calls while what is done has no room', async () => {
  const full = gate();
  let begun = 0;
  const calls = concurrently<number>('calls', async () => void begun++, {
    limit: 2,
    queue: 1_000,
    batch: { max: 1_000 },
  });
  const closed = each<number>('closed', () => full.opened, { batch: { max: 1 }, queue: 1 });
  const running = new Pipeline([calls, closed]).run([numbers(1_000)]);
  await atRest();
  const before = begun;
  await atRest();
  expect(begun).toBe(before);
  expect(begun).toBeLessThan(200);
  full.open();
  await running;
  expect(begun).toBe(1_000);
});

test('batched gets batches of its size, and what it gives goes on', async () => {
  const sizes: number[] = [];
  const sums = batched<number>(
    'sum',
    (items) => {
      sizes.push(items.length);
      return [items.reduce((a, b) => a + b)];
    },
    { size: 4, waitMs: Infinity },
  );
  expect(await outOf(new Pipeline([sums]), [numbers(10)])).toEqual([6, 22, 17]);
  expect(sizes).toEqual([4, 4, 2]);
});

test('batched passes the batch on when its function gives nothing', async () => {
  const nothing = batched<number>('nothing', async () => {}, { size: 3 });
  expect(await outOf(new Pipeline([nothing]), numbers(7))).toEqual(numbers(7));
});

test('gather gets all items in order, once, and nothing when there are none', async () => {
  const sets: (readonly number[])[] = [];
  const reversed = gather<number>('reverse', (all) => {
    sets.push(all);
    return all.toReversed();
  });
  expect(await outOf(new Pipeline([reversed]), numbers(3_000))).toEqual(numbers(3_000).toReversed());
  expect(await outOf(new Pipeline([reversed]), [])).toEqual([]);
  expect(sets).toEqual([numbers(3_000)]);
});

test('settle lets an item whose awaitables have settled pass', async () => {
  const stage = settle<number>('settle', (item) => [Promise.resolve(item)]);
  expect((await outOf(new Pipeline([stage]), numbers(5))).toSorted()).toEqual(numbers(5));
});

test('a stage can be run by itself, without a pipeline', async () => {
  const context = {
    stage: 'alone',
    signal: new AbortController().signal,
    count: () => {},
    fail: () => {},
    track: <T>(work: () => T) => work(),
  };
  const input = async function* () {
    yield numbers(3);
  };
  const doubled = concurrently<number>('double', async (item) => 2 * item, { limit: 2 });
  const out = [];
  for await (const batch of doubled.run(input(), context)) out.push(...batch);
  expect(out.toSorted()).toEqual([0, 2, 4]);
});
