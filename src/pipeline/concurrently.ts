import { z } from 'zod';
import { assertFunction, checkOptions } from '../base/index.ts';
import { type Answer, goesOn, isPromise, itemwise, type MaybePromise, type Passed } from './each.ts';
import type { Stage, StageContext, StageOptions } from './stage.ts';
import { Turn } from './turn.ts';

export interface ConcurrentOptions extends StageOptions {
  /** Calls under way at once, at most. */
  readonly limit: number;
}

/** So many items that are done go on at once, and no more are begun while they cannot. */
const ENOUGH = 64;

const limitSchema = z.strictObject({ limit: z.number().int().min(1) });

/**
 * Calls the function for up to `limit` items at once; null and nothing mean what they mean for `each`.
 *
 * Items go on as they are done, in no order: keeping the order would make each wait for the slowest before it, and two
 * could not wait for each other's futures. The first call that fails fails the stage; the others' signal aborts, and the
 * stage ends when they have.
 */
export function concurrently<Item, Answered = MaybePromise<Answer<Item>>>(
  name: string,
  work: (item: Item, context: StageContext) => Answered,
  { limit: wanted, ...options }: ConcurrentOptions,
): Stage<Item, Passed<Item, Answered>> {
  assertFunction(`stage ${name}`, work);
  const { limit } = checkOptions(limitSchema, { limit: wanted });
  return {
    name,
    ...itemwise(options, Math.max(limit, ENOUGH)),
    run: (batches, context) => new Calls<Item, Passed<Item, Answered>>(work, limit, context).run(batches),
  };
}

/** The calls of one run of such a stage. */
class Calls<Item, Out> {
  readonly #work: (item: Item, context: StageContext) => unknown;
  readonly #limit: number;
  readonly #context: StageContext;
  readonly #turn = new Turn(() => this.#due());
  /** What has come in; from `#at` on it has not been started. */
  #batch: readonly Item[] = [];
  #at = 0;
  #asking = false;
  #ended = false;
  #running = 0;
  #done: Out[] = [];
  /** What is done goes on: there is enough of it, or its turn is over. */
  #isDue = false;
  #isClosing = false;
  #failure: { readonly error: unknown } | undefined;
  #wake = () => {};

  constructor(work: (item: Item, context: StageContext) => unknown, limit: number, context: StageContext) {
    this.#work = work;
    this.#limit = limit;
    this.#context = context;
  }

  async *run(batches: AsyncIterable<readonly Item[]>): AsyncGenerator<readonly Out[]> {
    const input = batches[Symbol.asyncIterator]();
    try {
      for (;;) {
        this.#startMore();
        if (this.#failure) throw this.#failure.error;
        if (this.#isIdle() && !this.#asking && !this.#ended) this.#ask(input);
        const isLast = this.#ended && this.#running === 0 && this.#at === this.#batch.length;
        if (this.#done.length > 0 && (this.#isDue || isLast)) {
          const done = this.#done;
          this.#done = [];
          this.#isDue = false;
          yield done;
        } else if (isLast) return;
        else await this.#woken();
      }
    } finally {
      this.#isClosing = true;
      this.#turn.cancel();
      while (this.#running > 0) await this.#woken();
    }
  }

  /** There is a call to spare, and no item for it. */
  #isIdle(): boolean {
    return this.#at === this.#batch.length && this.#running < this.#limit;
  }

  #isStopping(): boolean {
    return this.#isClosing || this.#failure !== undefined || this.#context.signal.aborted;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #ask(input: AsyncIterator<readonly Item[]>): void {
    this.#asking = true;
    input.next().then(
      ({ done, value }) => {
        this.#asking = false;
        if (done) this.#ended = true;
        else {
          this.#batch = value;
          this.#at = 0;
        }
        this.#wake();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #startMore(): void {
    while (this.#at < this.#batch.length && this.#running < this.#limit) {
      if (this.#isStopping() || this.#done.length >= ENOUGH) return;
      this.#start(this.#batch[this.#at++]!);
    }
  }

  #start(item: Item): void {
    let answer: unknown;
    try {
      answer = this.#context.track(() => this.#work(item, this.#context));
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!isPromise(answer)) {
      this.#finish(item, answer);
      return;
    }
    this.#running++;
    answer.then(
      (value) => {
        this.#running--;
        this.#finish(item, value);
        this.#startMore();
        if (this.#isIdle() || this.#isStopping()) this.#wake();
      },
      (error: unknown) => {
        this.#running--;
        this.#fail(error);
      },
    );
  }

  #finish(item: Item, answer: unknown): void {
    goesOn(item, answer, this.#done);
    if (this.#done.length >= ENOUGH) this.#due();
    else if (this.#done.length === 1) this.#turn.begin();
  }

  #due(): void {
    this.#isDue = true;
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    // At once, also while the next stage has no room; it ends the other calls.
    this.#context.fail(error);
    this.#wake();
  }
}

/**
 * Holds each item until all that the function names for it have settled: promises, or futures of other items. An item
 * without any goes on at once, before those that wait; `limit` (default 1,000) may wait. The first rejection fails the
 * stage, once all of its item have settled.
 */
export function settle<Item>(
  name: string,
  awaitables: (item: Item) => Iterable<PromiseLike<unknown>> | undefined,
  { limit = 1_000, ...options }: Partial<ConcurrentOptions> = {},
): Stage<Item> {
  assertFunction(`stage ${name}`, awaitables);
  const settled = async (waits: readonly PromiseLike<unknown>[]) => {
    const outcomes = await Promise.allSettled(waits);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  };
  const work = (item: Item) => {
    const waits = [...(awaitables(item) ?? [])];
    return waits.length === 0 ? undefined : settled(waits);
  };
  return concurrently<Item>(name, work, { ...options, limit });
}
