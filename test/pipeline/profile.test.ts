import { expect, test } from 'vitest';
import { concurrently, each, Pipeline, type PipelineProfile } from '../../src/pipeline/index.ts';
import { FakeClock } from '../../src/testing/time/fake-clock.ts';
import { atRest, gate, numbers } from './support.ts';

test('the profile counts items, batches and what was counted, by stage', async () => {
  const halving = each<number>('halve', (item, { count }) => {
    if (item % 2 === 0) return;
    count('odd');
    return null;
  });
  const { pipeline, stages } = await new Pipeline([halving], { name: 'numbers' }).run([numbers(10)], {
    consume: () => {},
  });
  expect(pipeline).toBe('numbers');
  expect(stages).toMatchObject([
    { stage: 'source', state: 'ended', itemsIn: 0, itemsOut: 10, batchesOut: 1 },
    {
      stage: 'halve',
      itemsIn: 10,
      itemsOut: 5,
      batchesIn: 1,
      batchesOut: 1,
      peakQueued: 10,
      counts: { odd: 5 },
    },
    { stage: 'consume', itemsIn: 5, itemsOut: 0, batchesIn: 1, batchesOut: 0 },
  ]);
});

test('it says what each stage does while they run, and how long it did what', async () => {
  using clock = new FakeClock();
  const [slow, end] = [gate(), gate()];
  const source = async function* () {
    yield numbers(3);
    await end.opened;
  };
  const pipeline = new Pipeline([
    each<number>('full', () => {}, { batch: { max: 1 }, queue: 1 }),
    each<number>('slow', () => slow.opened, { batch: { max: 1 }, queue: 1 }),
    each<number>('idle', () => {}),
  ]);
  let read = (): PipelineProfile => {
    throw new Error('not begun');
  };
  const running = pipeline.run(source(), {
    onProfile: (profile) => {
      read = profile;
    },
  });
  await atRest();
  await clock.advance(100);
  expect(read().stages.map(({ state }) => state)).toEqual(['working', 'blocked', 'working', 'waiting']);
  slow.open();
  await atRest();
  await clock.advance(1_000);
  expect(Math.round(read().elapsedMs)).toBe(1_100);
  expect(read().stages.map(({ state }) => state)).toEqual(['working', 'waiting', 'waiting', 'waiting']);
  end.open();
  const times = (await running).stages.map(({ waitingMs, blockedMs, workingMs }) => [
    Math.round(waitingMs),
    Math.round(blockedMs),
    Math.round(workingMs),
  ]);
  expect(times).toEqual([
    [0, 0, 1_100],
    [1_000, 100, 0],
    [1_000, 0, 100],
    [1_100, 0, 0],
  ]);
});

test('a concurrent stage works while a call is under way, also when it waits for more input', async () => {
  using clock = new FakeClock();
  const open = gate();
  const running = new Pipeline([concurrently<number>('calls', () => open.opened, { limit: 5 })]).run(
    async function* () {
      yield 1;
      await open.opened;
    },
  );
  await atRest();
  await clock.advance(70);
  open.open();
  expect((await running).stages[1]).toMatchObject({ waitingMs: 0, workingMs: expect.closeTo(70) });
});

test('a million items through eight stages are never in memory together', async () => {
  let [live, most] = [0, 0];
  const count = 1_000_000;
  const source = async function* () {
    for (let at = 0; at < count; at += 500) {
      live += 500;
      most = Math.max(most, live);
      yield numbers(500);
    }
  };
  const stages = numbers(8).map((i) => each<number>(`stage-${i}`, () => {}));
  await new Pipeline(stages).run(source(), {
    consume: (items) => {
      live -= items.length;
    },
  });
  expect(live).toBe(0);
  // Nine queues of a thousand, and what each stage has in hand.
  expect(most).toBeLessThanOrEqual(9 * 2_000 + 500);
});
