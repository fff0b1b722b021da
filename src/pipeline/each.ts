import { z } from 'zod';
import { assertFunction, checkOptions } from '../base/index.ts';
import { abandonFutures } from './future.ts';
import type { Stage, StageContext, StageOptions } from './stage.ts';
import { QuickCheck } from './turn.ts';

/** What a function of one item gives: the item that goes on, null for none, nothing for the one that it was given. */
// biome-ignore lint/suspicious/noConfusingVoidType: an async function without a return statement gives Promise<void>
export type Answer<Out> = Out | null | undefined | void;

/** What a function of a batch gives: the items that go on, or nothing for those that it was given. */
// biome-ignore lint/suspicious/noConfusingVoidType: the same
export type BatchAnswer<Out> = readonly Out[] | undefined | void;

export type MaybePromise<T> = T | PromiseLike<T>;

// biome-ignore lint/suspicious/noConfusingVoidType: the same
type Nothing = undefined | void;

type OrElse<Answered, Item> =
  | Exclude<Answered, Nothing>
  | (Extract<Answered, Nothing> extends never ? never : Item);

/** What goes on behind a function of one item, by what that gives. */
export type Passed<Item, Answered> = OrElse<Exclude<Awaited<Answered>, null>, Item>;

/** What goes on behind a function of a batch. */
export type BatchPassed<Item, Answered> =
  OrElse<Awaited<Answered>, readonly Item[]> extends readonly (infer Out)[] ? Out : never;

export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

/** What goes on for an item, as a list of one or none. */
export function goesOn<Out>(item: unknown, answer: unknown, into: Out[]): void {
  if (answer === null) abandonFutures(item, 'dropped', 'a stage dropped it');
  else into.push((answer === undefined ? item : answer) as Out);
}

/** The options of a stage whose function takes one item at a time: it has no reason to wait for a batch. */
export const itemwise = ({ batch = {}, queue }: StageOptions, most?: number): StageOptions => {
  const min = batch.min ?? 1;
  const max = batch.max ?? (most === undefined ? undefined : Math.max(most, min));
  return { batch: { ...batch, min, max }, queue };
};

/**
 * Calls the function for one item after another; order is kept. What it gives goes on: nothing or undefined means the item
 * itself, null drops it. An item that is done never waits for one that is not, so that the function may await the
 * future of any item that came before.
 */
export function each<Item, Answered = MaybePromise<Answer<Item>>>(
  name: string,
  work: (item: Item, context: StageContext) => Answered,
  options: StageOptions = {},
): Stage<Item, Passed<Item, Answered>> {
  assertFunction(`stage ${name}`, work);
  return {
    name,
    ...itemwise(options),
    async *run(batches, context) {
      const quick = new QuickCheck();
      try {
        for await (const batch of batches) {
          let done: Passed<Item, Answered>[] = [];
          for (const item of batch) {
            const answer = work(item, context);
            if (!isPromise(answer)) {
              goesOn(item, answer, done);
              continue;
            }
            const running = Promise.resolve(answer);
            if (done.length > 0 && !(await quick.isQuick(running))) {
              running.catch((error: unknown) => context.fail(error));
              yield done;
              done = [];
            }
            goesOn(item, await running, done);
          }
          if (done.length > 0) yield done;
        }
      } finally {
        quick.cancel();
      }
    },
  };
}

const sizeSchema = z.strictObject({ size: z.number().int().min(1) });

/**
 * Calls the function with batches of `size` items, fewer when no more come in `waitMs` or at all, or when a future is
 * awaited; order is kept. What it gives goes on, and the batch itself if it gives nothing.
 */
export function batched<Item, Answered = MaybePromise<BatchAnswer<Item>>>(
  name: string,
  work: (items: readonly Item[], context: StageContext) => Answered,
  options: {
    readonly size: number;
    readonly waitMs?: number | undefined;
    readonly queue?: number | undefined;
  },
): Stage<Item, BatchPassed<Item, Answered>> {
  assertFunction(`stage ${name}`, work);
  const { size } = checkOptions(sizeSchema, { size: options.size });
  return {
    name,
    batch: { min: size, max: size, waitMs: options.waitMs },
    queue: options.queue,
    async *run(batches, context) {
      for await (const batch of batches)
        yield ((await work(batch, context)) ?? batch) as readonly BatchPassed<Item, Answered>[];
    },
  };
}
