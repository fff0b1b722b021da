import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  batched,
  concurrently,
  each,
  failedStage,
  gather,
  Pipeline,
  type Stage,
  type StageContext,
  stage,
} from '../../src/pipeline/index.ts';
import { FakeClock } from '../../src/testing/time/fake-clock.ts';
import { unhandledDuring } from '../support/uncaught-errors.ts';
import { atRest, gate, numbers } from './support.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});
afterEach(() => {
  expect(clock.pending).toBe(0);
  clock[Symbol.dispose]();
});

/** Stages that note when they are opened and closed. */
function witnesses() {
  const events: string[] = [];
  return {
    events,
    passing: (name: string): Stage<number> =>
      stage(name, async function* (input) {
        events.push(`${name} opened`);
        try {
          yield* input;
          events.push(`${name} completed`);
        } finally {
          events.push(`${name} closed`);
        }
      }),
    async *source(context?: StageContext) {
      try {
        for (let i = 0; ; i++) {
          yield i;
          if (context) await atRest();
        }
      } finally {
        events.push('source closed');
      }
    },
  };
}
const closed = (events: readonly string[]) => events.filter((event) => event.endsWith(' closed')).toSorted();

test('all stages run at once: each is at work on an item of its own until all are', async () => {
  const [entered, all] = [new Set<string>(), gate()];
  const meeting = (name: string, mine: number) =>
    each<number>(name, async (item) => {
      if (item !== mine) return;
      entered.add(name);
      if (entered.size === 4) all.open();
      await all.opened;
    });
  const stages = ['a', 'b', 'c', 'd'].map((name, i) => meeting(name, 3 - i));
  const { stages: profiles } = await new Pipeline(stages).run([numbers(4)]);
  expect(profiles.map(({ itemsOut }) => itemsOut)).toEqual([4, 4, 4, 4, 4]);
});

test('the first error is the one that run rejects with, itself, and failedStage names its stage', async () => {
  const failure = new Error('of a stage');
  const { events, passing, source } = witnesses();
  const failing = each<number>('failing', (item) => {
    if (item === 3) throw failure;
  });
  const seen: unknown[] = [];
  const pipeline = new Pipeline([passing('before'), failing, passing('after')]).after(
    'after',
    stage<number>('late', async function* (input, { signal }) {
      try {
        yield* input;
      } finally {
        seen.push(signal.aborted, signal.reason);
        // biome-ignore lint/correctness/noUnsafeFinally: a later error must not take the place of the first
        throw new Error('of closing');
      }
    }),
  );
  await expect(pipeline.run(source)).rejects.toBe(failure);
  expect(failedStage(failure)).toBe('failing');
  expect(seen).toEqual([true, failure]);
  expect(closed(events)).toEqual(['after closed', 'before closed', 'source closed']);
  expect(events.filter((event) => event.endsWith('completed'))).toEqual([]);
});

test.each(['source', 'consume'] as const)('so it is for the %s', async (where) => {
  const failure = new Error(where);
  const { events, passing } = witnesses();
  const run = new Pipeline([passing('one')]).run(
    async function* () {
      yield 1;
      await atRest();
      if (where === 'source') throw failure;
    },
    {
      consume: () => {
        if (where === 'consume') throw failure;
      },
    },
  );
  await expect(run).rejects.toBe(failure);
  expect(failedStage(failure)).toBe(where);
  expect(closed(events)).toEqual(['one closed']);
});

test('what a stage throws need not be an error', async () => {
  const failing = each<number>('failing', () => {
    throw undefined;
  });
  await expect(new Pipeline([failing]).run([1])).rejects.toBe(undefined);
  expect(failedStage(undefined)).toBe(undefined);
});

test('a stage whose input ends by a failure does not take it for the end', async () => {
  const failure = new Error('of the source');
  let sets = 0;
  const sorted = gather<number>('sort', () => void sets++);
  const run = new Pipeline([sorted]).run(async function* () {
    yield 1;
    throw failure;
  });
  await expect(run).rejects.toBe(failure);
  expect(sets).toBe(0);
});

test('stages that are blocked, waiting for a timer, and at work are all closed', async () => {
  const [controller, reason] = [new AbortController(), new Error('stop')];
  const { events, passing, source } = witnesses();
  const working = each<number>(
    'working',
    async (item, { signal }) => {
      if (item < 2) return;
      const aborted = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => aborted.resolve());
      await aborted.promise;
      events.push('working closed');
    },
    { queue: 1, batch: { max: 1 } },
  );
  let states: readonly string[] = [];
  const running = new Pipeline([
    { ...passing('blocked'), batch: { min: 1 } },
    working,
    { ...passing('waiting'), batch: { min: 10, waitMs: 10_000 } },
  ]).run(source(), {
    signal: controller.signal,
    onProfile: (profile) => {
      setImmediate(async () => {
        await atRest();
        states = profile().stages.map(({ state }) => state);
        controller.abort(reason);
      });
    },
  });
  await expect(running).rejects.toBe(reason);
  expect(states).toEqual(['blocked', 'blocked', 'working', 'waiting']);
  expect(closed(events)).toEqual(['blocked closed', 'source closed', 'waiting closed', 'working closed']);
});

test('a cancellation rejects with its reason, and leaves no timer, no listener and no stage behind', async () => {
  const unhandled = await unhandledDuring(async () => {
    const [controller, reason] = [new AbortController(), new Error('enough')];
    let listeners = 0;
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const { events, passing, source } = witnesses();
    const running = new Pipeline([passing('one'), passing('two')]).run(source, { signal });
    running.catch(() => {});
    await atRest();
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(failedStage(reason)).toBe(undefined);
    expect(closed(events)).toEqual(['one closed', 'source closed', 'two closed']);
    expect(listeners).toBe(0);
  });
  expect(unhandled).toEqual([]);
});

test('a pipeline that is canceled before it begins opens no stage', async () => {
  const { events, passing, source } = witnesses();
  const reason = new Error('too late');
  await expect(
    new Pipeline([passing('one')]).run(source, { signal: AbortSignal.abort(reason) }),
  ).rejects.toBe(reason);
  expect(events).toEqual([]);
});

test('run settles only when what a failed stage has under way has ended', async () => {
  const failure = new Error('of a call');
  const ended: string[] = [];
  const calls = concurrently<number>(
    'calls',
    async (item, { signal }) => {
      await atRest();
      if (item === 2) throw failure;
      const aborted = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => aborted.resolve());
      await aborted.promise;
      await atRest();
      ended.push(`call ${item}`);
    },
    { limit: 3 },
  );
  await expect(new Pipeline([calls]).run(numbers(3))).rejects.toBe(failure);
  expect(ended.toSorted()).toEqual(['call 0', 'call 1']);
});

test('a call that fails while its stage has no room stops the others at once', async () => {
  const failure = new Error('of a call');
  const calls = concurrently<number>(
    'calls',
    async (item) => {
      await atRest();
      if (item === 3) throw failure;
    },
    { limit: 2 },
  );
  const full = stage<number>(
    'full',
    async function* (input, { signal }) {
      for await (const batch of input) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        yield batch;
      }
    },
    { batch: { min: 1, max: 1 }, queue: 1 },
  );
  await expect(new Pipeline([calls, full]).run(numbers(10))).rejects.toBe(failure);
});

test('a source without a signal that waits for good does not keep a cancellation waiting', async () => {
  const controller = new AbortController();
  let returned = false;
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<number>>(() => {}),
      return: async () => {
        returned = true;
        return { done: true as const, value: undefined };
      },
    }),
  };
  const running = new Pipeline<number>([batched('one', () => {}, { size: 2 })]).run(source, {
    signal: controller.signal,
  });
  running.catch(() => {});
  await atRest();
  controller.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  expect(returned).toBe(true);
});

test('a stage that ends before its input is an error: what it left would be missing unseen', async () => {
  const first = stage<number>('first', async function* (input) {
    for await (const batch of input) {
      yield batch;
      return;
    }
  });
  const all = Array.from({ length: 5 }, () => numbers(1_000));
  await expect(new Pipeline([first]).run(all)).rejects.toMatchObject({
    code: 'HOLDFAST_INVALID_OPTION',
    message: 'stage first: it ended before its input: take the input to its end',
  });
});

test('a stage that yields an item and not a batch is an error', async () => {
  const wrong = stage<string>('wrong', async function* () {
    yield 'text';
  } as unknown as Stage<string>['run']);
  await expect(new Pipeline([wrong]).run(['a'])).rejects.toThrow(
    'stage wrong: expected it to yield batches, which are arrays of items',
  );
});

test('more items than a stage may gather are refused by an error that names stage and limit', async () => {
  const sorted = gather<number>('sort', () => {}, { maxItems: 10 });
  await new Pipeline([sorted]).run(numbers(10));
  await expect(new Pipeline([sorted]).run(numbers(11))).rejects.toMatchObject({
    code: 'HOLDFAST_GATHER_LIMIT',
    stage: 'sort',
    maxItems: 10,
  });
});

test('stages that never wait let timers and sockets have their turn', async () => {
  clock[Symbol.dispose]();
  let isOver = false;
  const busy = each<number>('busy', () => {
    if (isOver) throw new Error('done');
  });
  setImmediate(() =>
    setImmediate(() =>
      setTimeout(() => {
        isOver = true;
      }, 1),
    ),
  );
  await expect(
    new Pipeline([busy]).run(async function* () {
      for (;;) yield 1;
    }),
  ).rejects.toThrow('done');
});
