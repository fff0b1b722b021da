import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  batched,
  concurrently,
  each,
  failedStage,
  gather,
  Pipeline,
  type Stage,
  settle,
  stage,
} from '../../src/pipeline/index.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';
import { numbers } from './support.ts';

expectNoUncaughtErrors();

const RUNS = 300;

/** What takes a random while: nothing, some microtasks, or some turns of the event loop. */
const delays = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 });

function delaying(pattern: readonly number[]) {
  let calls = 0;
  return (): Promise<void> | undefined => {
    const delay = pattern[calls++ % pattern.length]!;
    if (delay === 0) return undefined;
    return delay < 4 ? microtasks(delay) : turns(delay - 3);
  };
}
async function microtasks(count: number) {
  for (let i = 0; i < count; i++) await undefined;
}
async function turns(count: number) {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

const KINDS = ['each', 'concurrently', 'batched', 'gather', 'settle', 'generator'] as const;
const stages = fc.record({
  kind: fc.constantFrom(...KINDS),
  pattern: delays,
  min: fc.integer({ min: 1, max: 9 }),
  more: fc.integer({ min: 0, max: 9 }),
  queue: fc.integer({ min: 0, max: 20 }),
  limit: fc.integer({ min: 1, max: 5 }),
  drops: fc.boolean(),
  failsAt: fc.option(fc.integer({ min: 0, max: 60 }), { freq: 8 }),
});
type Plan = typeof stages extends fc.Arbitrary<infer Each> ? Each : never;
const plans = fc.array(stages, { maxLength: 5 });
const sources = fc.record({
  items: fc.integer({ min: 0, max: 80 }),
  sizes: fc
    .array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 5 })
    .filter((s) => s.some((n) => n > 0)),
  pattern: delays,
});

const keepsOrder = ({ kind }: Plan) => kind !== 'concurrently' && kind !== 'settle';
/** `settle` drops nothing. */
const isDropped = ({ kind, drops }: Plan, item: number) => drops && kind !== 'settle' && item % 5 === 0;
const isRefused = ({ failsAt }: Plan, item: number) => failsAt === item;

/** A stage that notes the sizes of its batches, and whether it is open. */
function made(plan: Plan, i: number, failures: Map<string, Error>, seen: Seen[]): Stage<number> {
  const name = `${plan.kind}-${i}`;
  const delay = delaying(plan.pattern);
  const check = (item: number) => {
    if (!isRefused(plan, item)) return;
    const failure = failures.get(name) ?? new Error(name);
    failures.set(name, failure);
    throw failure;
  };
  const one = (item: number) => {
    check(item);
    const running = delay();
    const answer = isDropped(plan, item) ? null : undefined;
    return running ? running.then(() => answer) : answer;
  };
  const all = async (items: readonly number[]) => {
    await delay();
    items.forEach(check);
    return items.filter((item) => !isDropped(plan, item));
  };
  const { min, limit } = plan;
  const max = min + plan.more;
  const options = { batch: { min, max, waitMs: Infinity }, queue: min + plan.queue };
  const kinds: Record<(typeof KINDS)[number], () => Stage<number>> = {
    each: () => each(name, one, options),
    concurrently: () => concurrently(name, one, { ...options, limit }),
    settle: () =>
      settle<number>(
        name,
        (item) => {
          check(item);
          const running = delay();
          return running ? [running, microtasks(1)] : undefined;
        },
        { ...options, limit },
      ),
    batched: () => batched(name, all, { size: max, waitMs: Infinity, queue: max + plan.queue }),
    gather: () => ({ ...gather(name, all), ...options }),
    generator: () =>
      stage<number>(
        name,
        async function* (input) {
          for await (const batch of input) {
            const out = await all(batch);
            // In pieces, some of them empty.
            for (let at = 0; at < out.length; at += limit) yield out.slice(at, at + limit);
            yield [];
          }
        },
        options,
      ),
  };
  const made = kinds[plan.kind]();
  const mine: Seen = { sizes: [], least: made.batch!.min!, most: made.batch!.max!, isOpen: false };
  seen.push(mine);
  return {
    ...made,
    async *run(input, context) {
      mine.isOpen = true;
      try {
        const noted = async function* () {
          for await (const batch of input) {
            mine.sizes.push(batch.length);
            yield batch;
          }
        };
        yield* made.run(noted(), context);
      } finally {
        mine.isOpen = false;
      }
    },
  };
}
interface Seen {
  readonly sizes: number[];
  readonly least: number;
  readonly most: number;
  isOpen: boolean;
}

test('whatever the stages, batches and delays: items out are those expected, batches are in bounds, the first error is told and all stages are closed', async () => {
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(plans, sources, async (chosen, { items, sizes, pattern }) => {
      const failures = new Map<string, Error>();
      const seen: Seen[] = [];
      const pipeline = new Pipeline(chosen.map((plan, i) => made(plan, i, failures, seen)));
      let isOpen = false;
      const source = async function* () {
        isOpen = true;
        try {
          const delay = delaying(pattern);
          for (let at = 0, i = 0; at < items; i++) {
            const size = sizes[i % sizes.length]!;
            yield numbers(items).slice(at, at + size);
            at += size;
            await delay();
          }
        } finally {
          isOpen = false;
        }
      };
      const out: number[] = [];
      let error: unknown;
      const profile = await pipeline
        .run(source, {
          consume: (batch) => {
            expect(batch.length).toBeGreaterThan(0);
            out.push(...batch);
          },
        })
        .catch((thrown: unknown) => {
          error = thrown;
        });
      expect([isOpen, ...seen.map((one) => one.isOpen)]).not.toContain(true);
      for (const { sizes, least, most } of seen) {
        expect(sizes.every((size) => size > 0 && size <= most)).toBe(true);
        if (!error) expect(sizes.slice(0, -1).every((size) => size >= least)).toBe(true);
      }
      // A stage refuses an item only if one before it has not dropped it.
      const refusals = chosen.flatMap((plan, i) =>
        numbers(items).some(
          (item) => isRefused(plan, item) && !chosen.slice(0, i).some((before) => isDropped(before, item)),
        )
          ? `${plan.kind}-${i}`
          : [],
      );
      if (refusals.length > 0) {
        failed++;
        expect(refusals).toContain(failedStage(error));
        expect(error).toBe(failures.get(failedStage(error)!));
        return;
      }
      expect(error).toBe(undefined);
      const expected = numbers(items).filter((item) => !chosen.some((plan) => isDropped(plan, item)));
      const isOrdered = chosen.every(keepsOrder);
      expect(isOrdered ? out : out.toSorted((a, b) => a - b)).toEqual(expected);
      expect(profile!.stages.at(-1)).toMatchObject({ itemsIn: expected.length, itemsOut: 0, queued: 0 });
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 100_000 },
  );
  expect(failed).toBeGreaterThan(10);
});
