import { expect, test } from 'vitest';
import {
  concurrently,
  each,
  FUTURES,
  Future,
  FutureError,
  gather,
  Pipeline,
  type Stage,
  settle,
  stage,
} from '../../src/pipeline/index.ts';
import { unhandledDuring } from '../support/uncaught-errors.ts';
import { atRest, gate, outOf } from './support.ts';

class Item {
  readonly resolved = new Future<string>(this);
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  get [FUTURES]() {
    return [this.resolved];
  }

  toString() {
    return this.name;
  }
}

/** Batches that never fill by themselves: only futures and the end move them. */
const never = { batch: { min: 1_000, waitMs: Infinity } };

const resolving: Stage<Item> = stage(
  'resolve',
  async function* (input) {
    for await (const batch of input) {
      for (const item of batch) item.resolved.resolve(`row of ${item}`);
      yield batch;
    }
  },
  never,
);
const passing = (name: string) => each<Item>(name, () => {}, never);
const reasonOf = (error: unknown) =>
  error instanceof FutureError ? error.reason : `not a FutureError: ${error}`;
const names = (items: readonly Item[]) => items.map(({ name }) => name);

test('the source may await the future of an item that it has given', async () => {
  const values: string[] = [];
  async function* source() {
    for (const name of ['a', 'b', 'c']) {
      const item = new Item(name);
      yield item;
      values.push(await item.resolved);
    }
  }
  await new Pipeline([passing('one'), passing('two'), resolving]).run(source());
  expect(values).toEqual(['row of a', 'row of b', 'row of c']);
});

test('so may a stage in the middle, while the source has more to give', async () => {
  const parent = new Item('parent');
  const more = gate();
  async function* source() {
    yield [parent, new Item('child')];
    await more.opened;
    yield new Item('late');
  }
  const seen: string[] = [];
  const waiting = each<Item>('wait', async (item) => {
    if (item.name === 'child') seen.push(await parent.resolved);
  });
  const running = new Pipeline([waiting, passing('one'), resolving]).run(source);
  await atRest();
  expect(seen).toEqual(['row of parent']);
  more.open();
  await running;
});

test('and each call of a concurrent stage, all of them at once', async () => {
  const items = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => new Item(name));
  const saved: string[] = [];
  const waiting = concurrently<Item>(
    'wait',
    async (item) => {
      const before = items[items.indexOf(item) - 1];
      if (before) saved.push(`${item} after ${await before.resolved}`);
    },
    { limit: 3 },
  );
  expect(names(await outOf(new Pipeline([waiting, passing('one'), resolving]), items)).toSorted()).toEqual([
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
  ]);
  expect(saved).toHaveLength(5);
});

test('code outside may await it, before its item has entered and after', async () => {
  const item = new Item('a');
  const early = item.resolved.then((value) => value);
  const more = gate();
  async function* source() {
    yield item;
    await more.opened;
  }
  const running = new Pipeline([passing('one'), resolving]).run(source());
  expect(await early).toBe('row of a');
  expect(item.resolved.state).toBe('resolved');
  expect(await item.resolved).toBe('row of a');
  more.open();
  await running;
});

test('an item of which a stage is done goes on although the stage awaits its future', async () => {
  const [first, second] = [new Item('first'), new Item('second')];
  const waiting = each<Item>('wait', async (item) => {
    if (item === second) expect(await first.resolved).toBe('row of first');
  });
  await new Pipeline([waiting, resolving]).run([[first, second]]);
});

test('a stage before one that gathers cannot await what that one holds: an error names the stage and the item', async () => {
  const item = new Item('held');
  const source = async function* () {
    yield item;
    await item.resolved;
    yield new Item('never');
  };
  const sorted = gather<Item>('sort', () => {});
  const run = new Pipeline([passing('one'), sorted, resolving]).run(source);
  await expect(run).rejects.toMatchObject({
    code: 'HOLDFAST_FUTURE_UNRESOLVED',
    reason: 'stuck',
    item: 'held',
    stage: 'source',
    message: expect.stringMatching(/^source waits for held: .*; sort has taken 1 items and given 0$/),
  });
});

test('one that bears that error goes on, and what is held still gets its value', async () => {
  const item = new Item('held');
  const reasons: string[] = [];
  const waiting = each<Item>('wait', async (one) => {
    if (one !== item) reasons.push(await item.resolved.then(String, reasonOf));
  });
  const pipeline = new Pipeline([waiting, gather<Item>('sort', (all) => all.toReversed()), resolving]);
  expect(names(await outOf(pipeline, [item, new Item('next')]))).toEqual(['next', 'held']);
  expect(reasons).toEqual(['stuck']);
  expect(await item.resolved).toBe('row of held');
});

test('a stage may await what is settled before the one that gathers', async () => {
  const first = new Item('first');
  const values: string[] = [];
  const waiting = each<Item>('wait', async (item) => {
    if (item !== first) values.push(await first.resolved);
  });
  await new Pipeline([waiting, resolving, gather<Item>('sort', () => {})]).run([first, new Item('second')]);
  expect(values).toEqual(['row of first']);
});

test('a stage that awaits an item behind it, or in its own hands, gets an error', async () => {
  const [first, second] = [new Item('first'), new Item('second')];
  const behind = each<Item>('wait', async (item) => {
    if (item === first) await second.resolved;
  });
  await expect(new Pipeline([behind, resolving]).run([[first, second]])).rejects.toMatchObject({
    reason: 'stuck',
    item: 'second',
    stage: 'wait',
  });
  const own = concurrently<Item>('own', async (item) => void (await item.resolved), { limit: 4 });
  await expect(new Pipeline([own, resolving]).run([new Item('a')])).rejects.toMatchObject({ stage: 'own' });
});

test('nobody is taken to be stuck while a call of a concurrent stage is under way', async () => {
  const [slow, child] = [new Item('slow'), new Item('child')];
  const download = gate();
  const values: string[] = [];
  const downloading = concurrently<Item>(
    'download',
    async (item) => {
      if (item === slow) await download.opened;
      else values.push(await slow.resolved);
    },
    { limit: 2 },
  );
  const running = new Pipeline([downloading, resolving]).run([[slow, child]]);
  await atRest();
  expect(values).toEqual([]);
  download.open();
  await running;
  expect(values).toEqual(['row of slow']);
});

test('nor while a stage of the user tracks what it has under way', async () => {
  const io = gate();
  const item = new Item('a');
  const buffered = stage<Item>('buffer', async function* (input, context) {
    const under = [];
    for await (const batch of input)
      under.push(
        context.track(async () => {
          await io.opened;
          for (const one of batch) one.resolved.resolve('early');
          return batch;
        }),
      );
    for (const one of under) yield await one;
  });
  const source = async function* () {
    yield item;
    expect(await item.resolved).toBe('early');
  };
  const running = new Pipeline([buffered]).run(source);
  await atRest();
  io.open();
  await running;
});

test('of waits that are stuck only those furthest down end, if that is enough', async () => {
  const [kept, dropped] = [new Item('kept'), new Item('dropped')];
  const source = async function* () {
    yield [dropped, kept];
    expect(await kept.resolved).toBe('row of kept');
  };
  const dropping = stage<Item>('drop', async function* (input) {
    for await (const batch of input) yield batch.filter((item) => item !== dropped);
  });
  const reasons: unknown[] = [];
  const waiting = each<Item>('wait', async () => {
    await dropped.resolved.then(null, (error) => reasons.push(reasonOf(error)));
  });
  await new Pipeline([dropping, waiting, resolving]).run(source);
  expect(reasons).toEqual(['stuck']);
});

test('the future of an item that a worker drops rejects at once, and that of one that no stage settles at the end', async () => {
  const items = ['a', 'dropped'].map((name) => new Item(name));
  const outcomes = items.map((item) => item.resolved.then(String, (error) => `${reasonOf(error)}: ${item}`));
  await new Pipeline([each<Item>('drop', (item) => (item.name === 'dropped' ? null : item))]).run(items);
  expect(await Promise.all(outcomes)).toEqual(['ended: a', 'dropped: dropped']);
});

test('what a pipeline leaves without a value rejects when it is awaited after its end', async () => {
  const lost: Future<string>[] = [];
  const losing = stage<number>('lose', async function* (input) {
    for await (const batch of input) {
      for (const one of batch) lost.push(new Future(one));
      yield batch;
    }
  });
  await new Pipeline([losing]).run([1]);
  await expect(lost[0]).rejects.toMatchObject({ reason: 'ended', item: '1' });
  expect(lost[0]!.state).toBe('rejected');
});

test('when a pipeline fails, futures reject with its error as their cause', async () => {
  const failure = new Error('of a stage');
  const item = new Item('a');
  const waited = item.resolved.then(null, (error) => error);
  const failing = each<Item>('fail', async () => {
    await atRest();
    throw failure;
  });
  await expect(new Pipeline([failing, resolving]).run([item])).rejects.toBe(failure);
  expect(await waited).toMatchObject({ reason: 'failed', item: 'a', cause: failure });
});

test('futures that nobody awaits leave no unhandled rejection, whatever becomes of them', async () => {
  const unhandled = await unhandledDuring(async () => {
    const rejecting = each<Item>('reject', (item) => {
      if (item.name === 'rejected') item.resolved.reject(new Error('refused'));
      return item.name === 'dropped' ? null : item;
    });
    await new Pipeline([rejecting]).run(['rejected', 'dropped', 'ended'].map((name) => new Item(name)));
    const failing = each<Item>('fail', () => {
      throw new Error('failed');
    });
    await new Pipeline([failing, resolving]).run([new Item('a')]).catch(() => {});
  });
  expect(unhandled).toEqual([]);
});

test('the first to settle a future wins', async () => {
  const future = new Future<number>('it');
  expect(future.resolve(1)).toBe(true);
  expect(future.resolve(2)).toBe(false);
  expect(future.reject(new Error('late'))).toBe(false);
  expect(await future).toBe(1);
});

test('a future may be awaited many times, together and beside promises', async () => {
  const item = new Item('a');
  const source = async function* () {
    yield item;
    expect(await Promise.all([item.resolved, item.resolved, 'x'])).toEqual(['row of a', 'row of a', 'x']);
  };
  await new Pipeline([passing('one'), resolving]).run(source);
});

test('a pipeline in a stage of another one may await what that one resolves', async () => {
  const first = new Item('first');
  const nested = stage<Item>('nested', async function* (input) {
    for await (const batch of input) {
      for (const item of batch) {
        if (item !== first) {
          const inner = each<Item>('inner', async () => void (await first.resolved));
          await new Pipeline([inner]).run([new Item('of the inner one')]);
        }
        yield [item];
      }
    }
  });
  await new Pipeline([nested, passing('one'), resolving]).run([[first, new Item('second')]]);
  expect(await first.resolved).toBe('row of first');
});

test('settle holds an item until what it names has settled, and lets others go before it', async () => {
  const open = gate();
  const order: number[] = [];
  const running = new Pipeline([
    settle<number>('settle', (item) => (item === 1 ? [open.opened] : undefined)),
    each<number>('note', (item) => void order.push(item)),
  ]).run([1, 2, 3]);
  await atRest();
  expect(order).toEqual([2, 3]);
  open.open();
  await running;
  expect(order).toEqual([2, 3, 1]);
});

test('settle fails with the first rejection, once all that its item names have settled', async () => {
  const failure = new Error('of an awaitable');
  const open = gate();
  let isOver = false;
  const running = new Pipeline([settle<number>('settle', () => [Promise.reject(failure), open.opened])])
    .run([1])
    .finally(() => {
      isOver = true;
    });
  running.catch(() => {});
  await atRest();
  expect(isOver).toBe(false);
  open.open();
  await expect(running).rejects.toBe(failure);
});
