import {
  type Answer,
  type ConcurrentOptions,
  concurrently,
  type Stage,
  type StageContext,
} from '../pipeline/index.ts';
import type { DeclaredContent } from './declared.ts';

/**
 * A stage that calls the function for up to `limit` items at once (default 16), as `concurrently` does. An error is that
 * item's own: with `onItemError: 'skip'` the item alone is left out. For one more request of metadata for each new item,
 * put it behind `query-existing-artifacts`, and leave out items that are known:
 *
 * ```ts
 * pipeline.after('query-existing-artifacts', perItem('details', async (item, { signal }) => {
 *   if (!item.isKnown) item.complete(await detailsOf(item, signal));
 * }));
 * ```
 */
export function perItem(
  name: string,
  work: (
    item: DeclaredContent,
    context: StageContext,
  ) => Answer<DeclaredContent> | PromiseLike<Answer<DeclaredContent>>,
  { limit = 16, ...options }: Partial<ConcurrentOptions> = {},
): Stage<DeclaredContent> {
  return concurrently<DeclaredContent>(
    name,
    async (item, context): Promise<Answer<DeclaredContent>> => {
      try {
        return await work(item, context);
      } catch (error) {
        context.signal.throwIfAborted();
        item.failed(item, name, error);
        return null;
      }
    },
    { limit, ...options },
  );
}
