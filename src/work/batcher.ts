import { AsyncLocalStorage } from 'node:async_hooks';

/** What one call of a batch got. */
export type Answer<R> = { readonly value: R } | { readonly error: unknown };

interface Waiting<C, R> {
  readonly call: C;
  readonly size: number;
  /** Runs a function in the async context of the caller. */
  readonly asCaller: <T>(run: () => T) => T;
  readonly settle: (answer: Answer<R>) => void;
}

interface Line<C, R> {
  running: boolean;
  readonly waiting: Waiting<C, R>[];
}

/**
 * Makes calls of the same key together. A call that finds no other under way is made at once and alone; those that come
 * while it is under way wait, and are made together when it is answered. So nothing waits for a timer, a lone caller
 * pays nothing, and a batch grows with the load, as a database's group commit does.
 */
export class Batcher<C, R> {
  readonly #capacity: number;
  readonly #run: (calls: readonly C[]) => Promise<readonly Answer<R>[]>;
  readonly #lines = new Map<string, Line<C, R>>();

  /**
   * `capacity`: the size of a batch at most; a call of that size is made at once. `run` gives an answer for each call;
   * if it rejects, that is the answer for all. It runs in the async context of the first.
   */
  constructor(capacity: number, run: (calls: readonly C[]) => Promise<readonly Answer<R>[]>) {
    this.#capacity = capacity;
    this.#run = run;
  }

  async call(key: string, size: number, call: C): Promise<R> {
    if (size >= this.#capacity) return unwrap((await this.#run([call]))[0]!);
    const line = this.#lines.get(key) ?? { running: false, waiting: [] };
    this.#lines.set(key, line);
    const answer = new Promise<Answer<R>>((settle) =>
      line.waiting.push({ call, size, asCaller: AsyncLocalStorage.snapshot(), settle }),
    );
    if (!line.running) void this.#drain(key, line);
    return unwrap(await answer);
  }

  async #drain(key: string, line: Line<C, R>): Promise<void> {
    line.running = true;
    while (line.waiting.length > 0) {
      const batch = this.#next(line.waiting);
      const calls = batch.map(({ call }) => call);
      const answers = await batch[0]!
        .asCaller(() => this.#run(calls))
        .catch((error: unknown) => calls.map((): Answer<R> => ({ error })));
      batch.forEach(({ settle }, i) => {
        settle(answers[i]!);
      });
      // One that goes on from here and calls again at once is in time for the next batch.
      await new Promise(setImmediate);
    }
    this.#lines.delete(key);
  }

  /** The first, and those behind it that fit in. */
  #next(waiting: Waiting<C, R>[]): Waiting<C, R>[] {
    let count = 0;
    let size = 0;
    while (count < waiting.length && (count === 0 || size + waiting[count]!.size <= this.#capacity))
      size += waiting[count++]!.size;
    return waiting.splice(0, count);
  }
}

function unwrap<R>(answer: Answer<R>): R {
  if ('error' in answer) throw answer.error;
  return answer.value;
}
