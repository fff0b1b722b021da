import { AsyncLocalStorage } from 'node:async_hooks';

/** What one of those that travelled together got. */
export type Answer<R> = { readonly value: R } | { readonly error: unknown };

interface Traveller<C, R> {
  readonly call: C;
  readonly size: number;
  /** Runs a function in the async context of who called. */
  readonly asCaller: <T>(run: () => T) => T;
  readonly settle: (answer: Answer<R>) => void;
}

interface Line<C, R> {
  flying: boolean;
  readonly waiting: Traveller<C, R>[];
}

/**
 * Calls of a kind share flights: while one is under way those that come wait, and leave together in the next. Who
 * comes alone never waits. So a flight carries more the more there is to carry, and nothing is put off by a timer;
 * as a database's group commit does it.
 */
export class Departures<C, R> {
  readonly #capacity: number;
  readonly #fly: (calls: readonly C[]) => Promise<readonly Answer<R>[]>;
  readonly #lines = new Map<string, Line<C, R>>();

  /**
   * `capacity`: how much a flight carries; a call that fills one leaves at once. `fly` gives an answer for each call;
   * if it rejects, that is the answer for all. It runs in the async context of the first.
   */
  constructor(capacity: number, fly: (calls: readonly C[]) => Promise<readonly Answer<R>[]>) {
    this.#capacity = capacity;
    this.#fly = fly;
  }

  /** `kind`: only calls of the same kind travel together. `size`: how much of a flight it fills. */
  async take(kind: string, size: number, call: C): Promise<R> {
    if (size >= this.#capacity) return unwrap((await this.#fly([call]))[0]!);
    const line = this.#lines.get(kind) ?? { flying: false, waiting: [] };
    this.#lines.set(kind, line);
    const answer = new Promise<Answer<R>>((settle) =>
      line.waiting.push({ call, size, asCaller: AsyncLocalStorage.snapshot(), settle }),
    );
    if (!line.flying) void this.#depart(kind, line);
    return unwrap(await answer);
  }

  async #depart(kind: string, line: Line<C, R>): Promise<void> {
    line.flying = true;
    while (line.waiting.length > 0) {
      const aboard = this.#board(line.waiting);
      const calls = aboard.map(({ call }) => call);
      const answers = await aboard[0]!
        .asCaller(() => this.#fly(calls))
        .catch((error: unknown) => calls.map((): Answer<R> => ({ error })));
      for (const [i, { settle }] of aboard.entries()) settle(answers[i]!);
      // Who goes on from here and calls again at once is in time for the next one.
      await new Promise(setImmediate);
    }
    this.#lines.delete(kind);
  }

  /** As many as fit, in their order. */
  #board(waiting: Traveller<C, R>[]): Traveller<C, R>[] {
    let room = this.#capacity;
    let count = 0;
    for (const { size } of waiting) {
      room -= size;
      if (room < 0 && count > 0) break;
      count++;
    }
    return waiting.splice(0, count);
  }
}

function unwrap<R>(answer: Answer<R>): R {
  if ('error' in answer) throw answer.error;
  return answer.value;
}
