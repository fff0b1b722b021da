import { z } from 'zod';
import { checkOptions, invalidOption, nameSchema } from '../base/index.ts';
import { abandonFutures } from './future.ts';
import type { PipelineProfile } from './profile.ts';
import { type AnyStage, Run, type Source } from './run.ts';
import { checkStage, type Stage, type StageContext } from './stage.ts';

export interface RunOptions<Out> {
  /** Cancels the run, which then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Gets what the last stage yields, batch by batch, the next one when it has resolved. Default: it is let go. */
  readonly consume?: ((items: readonly Out[], context: StageContext) => Promise<void> | void) | undefined;
  /** Called once, before anything runs, with what reads the profile at any time, also after a failure. */
  readonly onProfile?: ((profile: () => PipelineProfile) => void) | undefined;
}

const RESERVED = ['source', 'consume'];
const nameOptions = z.strictObject({ name: nameSchema.default('pipeline') });

/**
 * Stages, one behind another. Immutable: each change gives a new one, so that a pipeline that is shared can be taken as
 * it is, or with stages put in, left out, replaced and reordered. The stages have names of their own.
 */
export class Pipeline<Item, Out = Item> {
  /** It stands in spans and metrics, so keep such names few. */
  readonly name: string;
  readonly #stages: readonly AnyStage[];

  /** `stages` take and give the same type of items; `append` those that change it. */
  constructor(
    stages: readonly Stage<Item, Item>[] = [],
    options: { readonly name?: string | undefined } = {},
  ) {
    this.name = checkOptions(nameOptions, options).name;
    this.#stages = stages as readonly Stage<never, unknown>[];
    this.#stages.forEach(checkStage);
    const { names } = this;
    const taken = names.find((name, i) => RESERVED.includes(name) || names.indexOf(name) < i);
    if (taken !== undefined) throw invalidOption('stage', `the name ${taken} is taken: ${list(names)}`);
  }

  /** The stages' names, in order. */
  get names(): readonly string[] {
    return this.#stages.map(({ name }) => name);
  }

  /** With that stage at the end. */
  append<Next>(stage: Stage<Out, Next>): Pipeline<Item, Next> {
    return this.#with<Next>(this.#stages.toSpliced(this.#stages.length, 0, stage as AnyStage));
  }

  /** With that stage in front of the one of that name. MisuseError, also for the next three: there is none. */
  before(name: string, stage: Stage<Item, Item>): Pipeline<Item, Out> {
    return this.#with(this.#stages.toSpliced(this.#find(name), 0, stage as AnyStage));
  }

  /** With that stage behind the one of that name. */
  after(name: string, stage: Stage<Item, Item>): Pipeline<Item, Out> {
    return this.#with(this.#stages.toSpliced(this.#find(name) + 1, 0, stage as AnyStage));
  }

  /** With that stage in place of the one of that name. */
  replace(name: string, stage: Stage<Item, Item>): Pipeline<Item, Out> {
    return this.#with(this.#stages.toSpliced(this.#find(name), 1, stage as AnyStage));
  }

  /** Without the stage of that name. */
  without(name: string): Pipeline<Item, Out> {
    return this.#with(this.#stages.toSpliced(this.#find(name), 1));
  }

  /**
   * Runs all stages at once, and resolves with the profile when the last has ended.
   *
   * The first error, of the source, a stage or the consumer, stops all others: their signals abort, their inputs throw,
   * their generators are closed, futures that are awaited reject. When all have ended, `run` rejects with that very error;
   * `failedStage` says where it comes from. The same goes for a cancellation, with the reason of `signal`. So a stage
   * that waits for something long must heed its signal. Only a source that is no function, and so has no signal, is not
   * waited for.
   *
   * A pipeline may run any number of times, also at once.
   */
  async run(
    source: Source<Item>,
    { signal, consume, onProfile }: RunOptions<Out> = {},
  ): Promise<PipelineProfile> {
    const stages = consume ? [...this.#stages, consumer(consume) as AnyStage] : this.#stages;
    const run = new Run(this.name, stages);
    onProfile?.(() => run.profile());
    return run.run(source, signal);
  }

  #with<Next>(stages: readonly AnyStage[]): Pipeline<Item, Next> {
    const { name } = this;
    return new Pipeline(stages as readonly Stage<Item, Item>[], { name }) as Pipeline<
      Item,
      unknown
    > as Pipeline<Item, Next>;
  }

  #find(name: string): number {
    const { names } = this;
    const at = names.indexOf(name);
    if (at < 0) throw invalidOption('stage', `there is no ${name}: ${list(names)}`);
    return at;
  }
}

const list = (names: readonly string[]) =>
  names.length === 0 ? 'the pipeline has no stages' : `the stages are ${names.join(', ')}`;

function consumer<Out>(consume: NonNullable<RunOptions<Out>['consume']>): Stage<Out, never> {
  return {
    name: 'consume',
    batch: { min: 1 },
    // biome-ignore lint/correctness/useYield: nothing comes behind it
    async *run(batches, context) {
      for await (const batch of batches) {
        await consume(batch, context);
        for (const item of batch)
          abandonFutures(item, 'ended', 'it came to the end of its pipeline without a value');
      }
    },
  };
}
