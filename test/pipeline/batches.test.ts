import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batched, Future, Pipeline, stage } from '../../src/pipeline/index.ts';
import { FakeClock } from '../../src/testing/time/fake-clock.ts';
import { atRest, gate, noting, numbers, outOf } from './support.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});
afterEach(() => clock[Symbol.dispose]());

/** A source that gives what is pushed. */
function pushed<Item>() {
  const waiting: (readonly Item[] | null)[] = [];
  let wake = () => {};
  return {
    push: (...items: Item[]) => {
      waiting.push(items);
      wake();
    },
    end: () => {
      waiting.push(null);
      wake();
    },
    async *source() {
      for (;;) {
        const next = waiting.shift();
        if (next === null) return;
        if (next) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}

describe("the cases of Pulp's stage tests", () => {
  test('none only: no batch, not even an empty one', async () => {
    const { batches, stage } = noting('note');
    expect(await outOf(new Pipeline([stage]), [])).toEqual([]);
    expect(batches).toEqual([]);
  });

  test('a single batch and none: what is there when the input ends is the batch', async () => {
    const { batches, stage } = noting<string>('note', { batch: { min: 4, waitMs: Infinity } });
    await new Pipeline([stage]).run(['c1', 'c2']);
    expect(batches).toEqual([['c1', 'c2']]);
  });

  test('two batches: the first has its minimum, the second what is left', async () => {
    const { batches, stage } = noting<number>('note', { batch: { min: 4, max: 4, waitMs: Infinity } });
    await new Pipeline([stage]).run(numbers(6));
    expect(batches).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ]);
  });

  test('thaw of a queued item: one whose future is awaited waits for no batch to fill', async () => {
    const [first, second] = [new Future<string>('first'), new Future<string>('second')];
    const resolving = stage<Future<string>>(
      'resolve',
      async function* (input) {
        for await (const batch of input) {
          for (const item of batch) item.resolve('done');
          yield batch;
        }
      },
      { batch: { min: 100, waitMs: Infinity } },
    );
    const { batches, stage: noted } = noting<Future<string>>('note', {
      batch: { min: 100, waitMs: Infinity },
    });
    const { push, end, source } = pushed<Future<string>>();
    const running = new Pipeline([noted, resolving]).run(source());
    push(first, second);
    await atRest();
    expect(batches).toEqual([]);
    expect(await first).toBe('done');
    expect(batches).toEqual([[first, second]]);
    push(new Future('third'));
    await atRest();
    expect(batches).toHaveLength(1);
    end();
    await running;
    expect(batches).toHaveLength(2);
  });

  test('sparse batches do not block: after the wait a stage gets what is there', async () => {
    const { batches, stage } = noting<number>('note', { batch: { min: 100, waitMs: 250 } });
    const { push, end, source } = pushed<number>();
    const running = new Pipeline([stage]).run(source());
    push(1);
    await atRest();
    await clock.advance(249);
    push(2);
    await atRest();
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches).toEqual([[1, 2]]);
    push(3);
    await atRest();
    await clock.advance(249);
    expect(batches).toHaveLength(1);
    await clock.advance(1);
    expect(batches).toEqual([[1, 2], [3]]);
    end();
    await running;
    expect(clock.pending).toBe(0);
  });
});

test('a batch has 500 items at least and 1,000 at most unless it is said otherwise', async () => {
  const { batches, stage } = noting<number>('note');
  await new Pipeline([stage]).run([numbers(2_600)]);
  const sizes = batches.map(({ length }) => length);
  expect(sizes.slice(0, -1).every((size) => size >= 500 && size <= 1_000)).toBe(true);
  expect(batches.flat()).toEqual(numbers(2_600));
});

test('what has waited its time while the stage was busy is given at once', async () => {
  const busy = gate();
  const sizes: number[] = [];
  const slow = stage<number>(
    'slow',
    async function* (input) {
      for await (const batch of input) {
        sizes.push(batch.length);
        if (sizes.length === 1) await busy.opened;
        yield batch;
      }
    },
    { batch: { min: 2, max: 2, waitMs: 250 } },
  );
  const { push, end, source } = pushed<number>();
  const running = new Pipeline([slow]).run(source());
  push(1, 2);
  await atRest();
  push(3);
  await atRest();
  await clock.advance(300);
  busy.open();
  await atRest();
  expect(sizes).toEqual([2, 1]);
  end();
  await running;
});

test('batches of one stage are put together anew for the next, in order', async () => {
  const sizes: number[] = [];
  const { batches, stage } = noting<number>('after', { batch: { min: 7, max: 7, waitMs: Infinity } });
  const three = batched<number>('three', (items) => void sizes.push(items.length), {
    size: 3,
    waitMs: Infinity,
  });
  await new Pipeline([three, stage]).run([numbers(20)]);
  expect(sizes).toEqual([3, 3, 3, 3, 3, 3, 2]);
  expect(batches.map(({ length }) => length)).toEqual([7, 7, 6]);
  expect(batches.flat()).toEqual(numbers(20));
});

test('an empty batch that a stage yields is passed over', async () => {
  const empty = stage<number>('empty', async function* (input) {
    for await (const batch of input) {
      yield [];
      yield batch;
      yield [];
    }
  });
  const { batches, stage: noted } = noting<number>('note', { batch: { min: 1 } });
  await new Pipeline([empty, noted]).run([1, 2]);
  expect(batches.flat()).toEqual([1, 2]);
  expect(batches.every(({ length }) => length > 0)).toBe(true);
});

test('no more items wait before a stage than its queue holds, and the stage before it waits', async () => {
  const closed = gate();
  let given = 0;
  async function* source() {
    while (given < 1_000) {
      given++;
      yield given;
    }
  }
  const blocked = stage<number>(
    'blocked',
    async function* (input) {
      for await (const batch of input) {
        await closed.opened;
        yield batch;
      }
    },
    { batch: { min: 1, max: 5 }, queue: 10 },
  );
  let profile = () => ({ stages: [] as readonly { readonly peakQueued: number; readonly queued: number }[] });
  const running = new Pipeline([blocked]).run(source(), {
    onProfile: (read) => {
      profile = read;
    },
  });
  await atRest();
  const before = given;
  expect(profile().stages[1]).toMatchObject({ queued: 10, peakQueued: 10 });
  await atRest();
  expect(given).toBe(before);
  expect(given).toBeLessThanOrEqual(10 + 5 + 1);
  closed.open();
  expect((await running).stages[1]).toMatchObject({ itemsIn: 1_000, peakQueued: 10 });
});

test('a batch larger than the queue goes in piece by piece', async () => {
  const { batches, stage } = noting<number>('note', { batch: { min: 3, max: 3 }, queue: 4 });
  const { stages } = await new Pipeline([stage]).run([numbers(100)]);
  expect(batches.flat()).toEqual(numbers(100));
  expect(stages[1]!.peakQueued).toBe(4);
});

test('a stage may ask for several batches beside each other', async () => {
  const sizes: number[] = [];
  const two = stage<number>(
    'two',
    async function* (input) {
      const iterator = input[Symbol.asyncIterator]();
      for (;;) {
        const pair = await Promise.all([iterator.next(), iterator.next()]);
        for (const { done, value } of pair)
          if (!done) {
            sizes.push(value.length);
            yield value;
          }
        if (pair.some(({ done }) => done)) return;
      }
    },
    { batch: { min: 2, max: 2, waitMs: Infinity } },
  );
  expect(await outOf(new Pipeline([two]), numbers(7))).toEqual(numbers(7));
  expect(sizes).toEqual([2, 2, 2, 1]);
});
