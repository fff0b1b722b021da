import { z } from 'zod';
import { assertFunction, checkOptions } from '../base/index.ts';
import type { BatchAnswer, BatchPassed, MaybePromise } from './each.ts';
import { GatherLimitError } from './errors.ts';
import type { Stage, StageContext } from './stage.ts';

const gatherSchema = z.strictObject({ maxItems: z.number().int().min(1).default(100_000) });

/**
 * Calls the function once, with all items in their order, when the input has ended; not at all when none came. What it
 * gives goes on, and all of them if it gives nothing.
 *
 * It holds every item in memory, and `maxItems` of them at most (default 100,000): one more fails the pipeline with
 * GatherLimitError. A stage before it that awaits the future of an item that it holds cannot go on, and neither can it:
 * that wait ends with FutureError.
 */
export function gather<Item, Answered = MaybePromise<BatchAnswer<Item>>>(
  name: string,
  work: (items: readonly Item[], context: StageContext) => Answered,
  options: { readonly maxItems?: number | undefined } = {},
): Stage<Item, BatchPassed<Item, Answered>> {
  assertFunction(`stage ${name}`, work);
  const { maxItems } = checkOptions(gatherSchema, options);
  return {
    name,
    batch: { min: 1 },
    async *run(batches, context) {
      const all: Item[] = [];
      for await (const batch of batches) {
        if (all.length + batch.length > maxItems) throw new GatherLimitError(name, maxItems);
        for (const item of batch) all.push(item);
      }
      if (all.length > 0) yield ((await work(all, context)) ?? all) as readonly BatchPassed<Item, Answered>[];
    },
  };
}
