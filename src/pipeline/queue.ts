import { LONGEST_TIMER_MS } from '../base/index.ts';

/** How the input of a stage is put together. */
export interface QueueLimits {
  /** Items of a batch at least, unless there are no more in time. */
  readonly min: number;
  /** Items of a batch at most. */
  readonly max: number;
  /** An item waits at most this long for others. */
  readonly waitMs: number;
  /** Items that may wait at most; at least `min`. */
  readonly capacity: number;
}

/** What a queue tells of itself. Each is called at the very moment, so that what is told is true all the time. */
export interface QueueListener {
  /** While it is true, a batch is what is there. */
  urgent(): boolean;
  /** The stage behind it waits for a batch, or has it. */
  pulling(waits: boolean): void;
  /** The stage before it waits for room, or has it. */
  pushing(waits: boolean): void;
  /** A batch was taken. */
  taken(items: number): void;
}

interface Wait<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

const ENDED = { done: true, value: undefined } as const;
const ignore = () => {};

/**
 * Items between two stages: bounded, and put together anew into batches. One stage pushes, one pulls.
 *
 *   pull, enough there or urgent or ended -> a batch
 *   pull, too few                         -> waits: for enough, `waitMs`, a flush, or the end
 *   push, room                            -> goes on at once
 *   push, full                            -> puts in what fits, waits until the rest is in
 */
export class Queue<Item> implements AsyncIterableIterator<readonly Item[]> {
  /** Most items that ever waited. */
  peak = 0;
  readonly #limits: QueueLimits;
  readonly #listener: QueueListener;
  #items: Item[] = [];
  /** Index of the first item that has not been taken. */
  #head = 0;
  /** Since when the first one waits, by performance.now(); kept only where somebody asks. */
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #pull: Wait<IteratorResult<readonly Item[], undefined>> | undefined;
  #push: { readonly items: readonly Item[]; at: number; readonly wait: Wait<void> } | undefined;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(limits: QueueLimits, listener: QueueListener) {
    this.#limits = limits;
    this.#listener = listener;
  }

  /** Items that wait now. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  get ended(): boolean {
    return this.#ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next batch, which is never empty. Calls beside each other get theirs one after another. */
  next(): Promise<IteratorResult<readonly Item[], undefined>> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    if (this.#pull) return this.#pull.promise.then(() => this.next());
    if (this.#isReady()) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#ended) return Promise.resolve(ENDED);
    this.#pull = Promise.withResolvers();
    const { promise } = this.#pull;
    this.#setTimer();
    this.#listener.pulling(true);
    return promise;
  }

  /** Puts items in. Undefined: all are in; else resolves when they are. At most one call at a time. */
  push(items: readonly Item[]): Promise<void> | undefined {
    if (this.#failure) return Promise.reject(this.#failure.error);
    const at = this.#add(items, 0);
    if (at < items.length) this.#push = { items, at, wait: Promise.withResolvers() };
    this.#offer();
    // What was just taken may have made room for the rest.
    if (!this.#push) return undefined;
    this.#listener.pushing(true);
    return this.#push.wait.promise;
  }

  /** No more items come. */
  end(): void {
    this.#ended = true;
    this.#offer();
  }

  /** A stage that waits for a batch gets what is there. */
  flush(): void {
    this.#offer();
  }

  /** Ends every wait with that error, and forgets the items. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#clearTimer();
    this.#items = [];
    this.#head = 0;
    const [pull, push] = [this.#pull, this.#push];
    this.#pull = undefined;
    this.#push = undefined;
    // A stage may have left its call of `next` alone.
    pull?.promise.catch(ignore);
    if (pull) this.#listener.pulling(false);
    if (push) this.#listener.pushing(false);
    pull?.reject(error);
    push?.wait.reject(error);
  }

  #isReady(): boolean {
    const { min, waitMs } = this.#limits;
    const { length } = this;
    if (length === 0) return false;
    if (length >= min || this.#ended || this.#listener.urgent()) return true;
    return performance.now() - this.#since >= waitMs;
  }

  #offer(): void {
    if (!this.#pull) return;
    const isReady = this.#isReady();
    if (isReady || (this.#ended && this.length === 0)) this.#deliver(isReady);
    else this.#setTimer();
  }

  #deliver(some: boolean): void {
    const pull = this.#pull!;
    this.#pull = undefined;
    this.#clearTimer();
    this.#listener.pulling(false);
    pull.resolve(some ? { done: false, value: this.#take() } : ENDED);
  }

  #take(): readonly Item[] {
    const count = Math.min(this.length, this.#limits.max);
    const end = this.#head + count;
    const batch =
      this.#head === 0 && end === this.#items.length ? this.#items : this.#items.slice(this.#head, end);
    if (end === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (end * 2 > this.#items.length) {
      this.#items = this.#items.slice(end);
      this.#head = 0;
    } else this.#head = end;
    if (this.length > 0) this.#mark();
    this.#refill();
    this.#listener.taken(batch.length);
    return batch;
  }

  #refill(): void {
    const push = this.#push;
    if (!push) return;
    push.at = this.#add(push.items, push.at);
    if (push.at < push.items.length) return;
    this.#push = undefined;
    this.#listener.pushing(false);
    push.wait.resolve();
  }

  /** Puts in what fits, from `at` on, and gives the index of what did not. */
  #add(items: readonly Item[], at: number): number {
    const end = Math.min(items.length, at + this.#limits.capacity - this.length);
    if (end > at && this.length === 0) this.#mark();
    for (let i = at; i < end; i++) this.#items.push(items[i]!);
    this.peak = Math.max(this.peak, this.length);
    return end;
  }

  /** Where no batch ever waits for others, nobody asks for the time. */
  #mark(): void {
    if (this.#limits.min > 1) this.#since = performance.now();
  }

  #setTimer(): void {
    const { waitMs } = this.#limits;
    if (this.#timer || this.length === 0 || waitMs > LONGEST_TIMER_MS) return;
    const leftMs = Math.max(0, this.#since + waitMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#pull && this.length > 0) this.#deliver(true);
    }, leftMs);
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
