import { z } from 'zod';
import { assertFunction, checkOptions, nameSchema } from '../base/index.ts';

/** What a stage gets beside its input. */
export interface StageContext {
  /** The stage's name. */
  readonly stage: string;
  /** Aborts when the pipeline is canceled or a stage has failed, with that error as its reason. */
  readonly signal: AbortSignal;
  /** Adds to a counter of the stage, which shows in its profile: what was skipped, or found to be there. */
  count(counter: string, by?: number): void;
  /** Fails the pipeline at once, as a throw does, also while the stage waits for input, or for room behind a yield. */
  fail(error: unknown): void;
  /**
   * Runs work that goes on while the stage asks for more input or yields. The profile then counts the stage as working,
   * and the pipeline does not take it to be stuck. `concurrently` does so by itself; a stage that keeps several things
   * under way must do it for each. While anything is tracked, nothing else that takes time should be under way.
   */
  track<T>(work: () => T): T;
}

/** How the input of a stage is put together. */
export interface BatchOptions {
  /** Items of a batch at least. Default 500, and 1 for `each`, `concurrently` and `settle`. */
  readonly min?: number | undefined;
  /** Items of a batch at most. Default 1,000, or `min` where that is more. */
  readonly max?: number | undefined;
  /** A batch waits at most so long for its `min`, counted from its first item. Infinity: until it has it. Default 250. */
  readonly waitMs?: number | undefined;
}

export interface StageOptions {
  readonly batch?: BatchOptions | undefined;
  /**
   * Items that may wait before the stage at most, `batch.min` at least; the stage before it waits for room. Default:
   * `batch.max`.
   */
  readonly queue?: number | undefined;
}

/**
 * One step of a pipeline: an async generator over batches, which are never empty. What it yields goes on to the next
 * stage, in batches of any size, which are put together anew there; an empty one is passed over.
 *
 * It must take its input to the end: one that returns before is an error, since what it leaves behind would be missing
 * without anybody knowing. When the pipeline ends early, its input throws, and its `finally` blocks run.
 */
export interface Stage<Item, Out = Item> extends StageOptions {
  readonly name: string;
  run(batches: AsyncIterable<readonly Item[]>, context: StageContext): AsyncIterable<readonly Out[]>;
}

const count = z.number().int().min(1);

export const stageOptionsSchema = z.strictObject({
  batch: z
    .strictObject({
      min: count.optional(),
      max: count.optional(),
      waitMs: z.number().min(0).or(z.literal(Infinity)).optional(),
    })
    .refine(({ min = 1, max = Infinity }) => min <= max, { path: ['max'], message: 'is less than batch.min' })
    .optional(),
  queue: count.optional(),
});

/** A stage from its generator; the same as an object with `name` and `run`. */
export function stage<Item, Out = Item>(
  name: string,
  run: Stage<Item, Out>['run'],
  options: StageOptions = {},
): Stage<Item, Out> {
  assertFunction(`stage ${name}`, run);
  return { name, run, ...options };
}

/** Throws MisuseError unless the stage can be run. */
export function checkStage({ name, run, batch, queue }: Stage<never, unknown>): void {
  checkOptions(z.strictObject({ name: nameSchema }), { name });
  assertFunction(`stage ${name}: run`, run);
  const checked = checkOptions(stageOptionsSchema, { batch, queue });
  checkOptions(
    z.strictObject({ queue: z.number().min(checked.batch?.min ?? 1, 'is less than batch.min') }).partial(),
    checked.queue === undefined ? {} : { queue: checked.queue },
  );
}
