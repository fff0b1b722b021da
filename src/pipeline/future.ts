import { FutureError } from './errors.ts';
import { type FutureHost, strandIn, strands, type Waiter } from './strand.ts';

/** The key under which an item has its futures; see `CarriesFutures`. */
export const FUTURES: unique symbol = Symbol('holdfast.futures');

/** An item that tells its futures: they are settled as soon as it is dropped, or leaves the pipeline without a value. */
export interface CarriesFutures {
  readonly [FUTURES]: Iterable<Future<unknown>>;
}

/** What this module alone does to futures. */
let enter: (future: Future<unknown>, host: FutureHost) => void;
let abandon: (future: Future<unknown>, reason: 'dropped' | 'ended', why: string) => void;

interface Listener<T> extends Waiter {
  resolve(value: T): void;
}

/**
 * What will be known of an item once a later stage has dealt with it, such as the row that it was saved as. The item
 * carries it, a stage settles it, and earlier stages, the source, and code outside of the pipeline may await it:
 *
 * ```ts
 * class Package {
 *   readonly resolved = new Future<Row>(this);
 *   get [FUTURES]() { return [this.resolved]; }
 * }
 * ```
 *
 * To await it brings its item on: while somebody waits, no stage of the pipeline waits for its batch to fill.
 * A wait always ends: with FutureError when the item is dropped, when the pipeline fails or ends without a value, and
 * when every stage waits so that nothing can bring it on. A stage must have yielded an item before it awaits its future.
 *
 * It is cheap: no promise is made before somebody awaits it, so one that nobody awaits leaves no unhandled rejection.
 * It belongs to the pipeline in whose stage or source it was made; one that was made elsewhere to that which its item
 * enters, if the item tells its futures, or in whose stage it is awaited first.
 */
export class Future<T> implements PromiseLike<T> {
  #state: 'pending' | 'resolved' | 'rejected' = 'pending';
  #outcome: T | unknown;
  #host: FutureHost | undefined = strands.getStore()?.host;
  #listeners: Set<Listener<T>> | undefined;
  readonly #item: unknown;

  /** `item`: whose future it is; errors name it by `String(item)`. */
  constructor(item: unknown = 'an item') {
    this.#item = item;
  }

  /** One that is itself an item carries itself. */
  get [FUTURES](): Iterable<Future<unknown>> {
    return [this as Future<unknown>];
  }

  get state(): 'pending' | 'resolved' | 'rejected' {
    this.#look();
    return this.#state;
  }

  /** Gives the value to all who wait and who will. False when it was settled before: nothing changes then. */
  resolve(value: T): boolean {
    return this.#settle('resolved', value);
  }

  /** The same with an error. */
  reject(error: unknown): boolean {
    return this.#settle('rejected', error);
  }

  // biome-ignore lint/suspicious/noThenProperty: that it is awaited must be seen, since it hurries the pipeline on
  then<A = T, B = never>(
    onResolved?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#wait().then(onResolved, onRejected);
  }

  static {
    enter = (future, host) => {
      future.#enter(host);
    };
    abandon = (future, reason, why) => {
      if (future.#state === 'pending') future.reject(new FutureError(reason, future.#describe(), why));
    };
  }

  #wait(): Promise<T> {
    this.#look();
    if (this.#state === 'resolved') return Promise.resolve(this.#outcome as T);
    if (this.#state === 'rejected') return Promise.reject(this.#outcome);
    this.#host ??= strands.getStore()?.host;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const listener: Listener<T> = {
      strand: this.#host && strandIn(this.#host),
      describe: () => this.#describe(),
      resolve,
      reject: (error) => {
        this.#listeners?.delete(listener);
        this.#host?.ended(listener);
        reject(error);
      },
    };
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    this.#host?.begun(listener);
    return promise;
  }

  #settle(state: 'resolved' | 'rejected', outcome: unknown): boolean {
    if (this.#state !== 'pending') return false;
    this.#state = state;
    this.#outcome = outcome;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    for (const listener of listeners ?? []) {
      this.#host?.ended(listener);
      if (state === 'resolved') listener.resolve(outcome as T);
      else listener.reject(outcome);
    }
    return true;
  }

  /** Its item has come into a pipeline. */
  #enter(host: FutureHost): void {
    if (this.#host === host || this.#state !== 'pending') return;
    for (const listener of this.#listeners ?? []) this.#host?.ended(listener);
    this.#host = host;
    for (const listener of this.#listeners ?? []) host.begun(listener);
  }

  /** The end of its pipeline settles it. */
  #look(): void {
    const over = this.#state === 'pending' ? this.#host?.over : undefined;
    if (!over) return;
    const why = over.failed ? 'its pipeline failed' : 'its pipeline ended without a value for it';
    const options = over.failed ? { cause: over.cause } : {};
    this.reject(new FutureError(over.failed ? 'failed' : 'ended', this.#describe(), why, options));
  }

  #describe(): string {
    try {
      return String(this.#item);
    } catch {
      return 'an item';
    }
  }
}

const futuresOf = (item: unknown): Iterable<Future<unknown>> | undefined =>
  typeof item === 'object' && item !== null ? (item as Partial<CarriesFutures>)[FUTURES] : undefined;

/** The futures of an item that the source has given belong to that pipeline. */
export function enterFutures(item: unknown, host: FutureHost): void {
  const futures = futuresOf(item);
  if (futures) for (const future of futures) enter(future, host);
}

/** The item has left the stream: what is pending of it will stay so. */
export function abandonFutures(item: unknown, reason: 'dropped' | 'ended', why: string): void {
  const futures = futuresOf(item);
  if (futures) for (const future of futures) abandon(future, reason, why);
}
