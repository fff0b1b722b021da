import { AsyncLocalStorage } from 'node:async_hooks';
import { assertFunction, InvalidOptionError } from '../base/index.ts';
import { rotatingSlice } from './rotating-slice.ts';

/** Looks into buckets for up to so many. */
export type Look<T> = (buckets: readonly bigint[], wanted: number) => Promise<readonly T[]>;

/** Asked for by one look, at most. */
const MOST_WANTED = 100;

interface Waiting<T> {
  readonly wanted: number;
  /** Runs a function in the async context of who asked, whose span a look belongs to. */
  readonly asCaller: <R>(run: () => R) => R;
  readonly give: (found: readonly T[]) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * A rotating slice that the workers of one process share. Who asks while a look is under way waits for it, and the next
 * look is for all who wait: so workers of a process never meet, and a claim takes more the more of them ask. Who asks
 * alone never waits, and nothing is put off by a timer.
 */
export class SharedSlice<T> {
  readonly #look: (wanted: number) => Promise<readonly T[]>;
  readonly #waiting: Waiting<T>[] = [];
  #looking = false;

  constructor(buckets: number, look: Look<T>, random: () => number) {
    const slice = rotatingSlice(buckets, random);
    this.#look = (wanted) => slice.take((numbers) => look(numbers, wanted), wanted);
  }

  /**
   * Up to `wanted` of what the next look finds, who came first being served first; none when all buckets were looked
   * into and there was nothing left. Rejects with what the look throws.
   */
  take(wanted = 1): Promise<readonly T[]> {
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_WANTED)
      throw new InvalidOptionError('wanted', `${wanted} is not a whole number from 1 to ${MOST_WANTED}`);
    return new Promise((give, fail) => {
      this.#waiting.push({ wanted, asCaller: AsyncLocalStorage.snapshot(), give, fail });
      if (!this.#looking) void this.#serve();
    });
  }

  async #serve(): Promise<void> {
    this.#looking = true;
    while (this.#waiting.length > 0) {
      const { aboard, wanted } = this.#aboard();
      try {
        const found = [...(await aboard[0]!.asCaller(() => this.#look(wanted)))];
        // Nothing is an answer for all; of something there may be more elsewhere for who got none.
        const nothing = found.length === 0;
        for (const one of aboard)
          if (nothing || found.length > 0) this.#settle(one).give(found.splice(0, one.wanted));
      } catch (error) {
        for (const one of aboard) this.#settle(one).fail(error);
      }
      // Who was served and asks again at once is in time for the next look.
      await new Promise(setImmediate);
    }
    this.#looking = false;
  }

  #aboard(): { readonly aboard: readonly Waiting<T>[]; readonly wanted: number } {
    const aboard: Waiting<T>[] = [];
    let wanted = 0;
    for (const one of this.#waiting) {
      if (wanted + one.wanted > MOST_WANTED) break;
      wanted += one.wanted;
      aboard.push(one);
    }
    return { aboard, wanted };
  }

  #settle(one: Waiting<T>): Waiting<T> {
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
    return one;
  }
}

/**
 * For the workers of one process and one session: `sharedSlice(64, (buckets, wanted) => session.claim(claimJob,
 * { buckets, wanted }))`, whose `take()` each of them calls. `buckets` as for `rotatingSlice`. What a look finds
 * beyond what is wanted is given to nobody: let it ask for `wanted`.
 */
export function sharedSlice<T>(
  buckets: number,
  look: Look<T>,
  random: () => number = Math.random,
): SharedSlice<T> {
  assertFunction('look', look);
  return new SharedSlice(buckets, look, random);
}
