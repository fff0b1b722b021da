/** Node takes a longer one for one millisecond: about 25 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      },
      Math.min(ms, LONGEST_TIMER_MS),
    );
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/**
 * Gives what `running` gives, or rejects with the signal's reason as soon as it aborts. A promise that is no longer
 * waited for may still reject: that is nobody's unhandled rejection.
 */
export async function unlessAborted<T>(signal: AbortSignal, running: Promise<T>): Promise<T> {
  running.catch(() => {});
  let abort: (() => void) | undefined;
  try {
    return await Promise.race([
      running,
      new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason);
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort, { once: true });
      }),
    ]);
  } finally {
    if (abort) signal.removeEventListener('abort', abort);
  }
}

/**
 * Gives what `running` gives if it settles within `ms`, else what `late` gives or throws. Every wait for a server
 * goes through this or through a signal.
 */
export async function within<T, L = undefined>(
  ms: number,
  running: Promise<T>,
  late?: () => L,
): Promise<T | L> {
  running.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      running,
      new Promise<L>((resolve, reject) => {
        const expire = () => {
          try {
            resolve(late?.() as L);
          } catch (error) {
            reject(error);
          }
        };
        timer = setTimeout(expire, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** A random time of three quarters of `ms` up to `ms`: never longer than the caller promised. */
export const jittered = (ms: number, random: () => number = Math.random): number =>
  ms * (0.75 + random() * 0.25);

/** Pauses that double from `firstMs` up to `mostMs`, before jitter; `reset` after a success. */
export class Doubling {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #nextMs: number;

  constructor(firstMs: number, mostMs: number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#nextMs = firstMs;
  }

  /** The next pause in milliseconds, jittered. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(this.#mostMs, ms * 2);
    return jittered(ms);
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}

/** A server has at least this long to answer, however short the session's interval. */
export const LEAST_PATIENCE_MS = 5_000;
