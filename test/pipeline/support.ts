import { type Pipeline, type Source, type Stage, stage } from '../../src/pipeline/index.ts';

/** Opened by hand. */
export function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

/** Until everything that needs neither a timer nor a gate has happened: no stage holds a thing for more than two turns. */
export async function atRest(): Promise<void> {
  for (let turns = 0; turns < 12; turns++) await new Promise((resolve) => setImmediate(resolve));
}

/** All that comes out. */
export async function outOf<Item, Out>(
  pipeline: Pipeline<Item, Out>,
  source: Source<Item>,
  signal?: AbortSignal,
): Promise<Out[]> {
  const out: Out[] = [];
  await pipeline.run(source, {
    signal,
    consume: (items) => {
      out.push(...items);
    },
  });
  return out;
}

/** A stage that notes the batches that it gets, and passes them on. */
export function noting<Item>(name: string, options: Omit<Stage<Item>, 'name' | 'run'> = {}) {
  const batches: (readonly Item[])[] = [];
  const run: Stage<Item>['run'] = async function* (input) {
    for await (const batch of input) {
      batches.push(batch);
      yield batch;
    }
  };
  return { batches, stage: stage(name, run, options) };
}

export const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
