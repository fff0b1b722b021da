import { LONGEST_TIMER_MS } from '../database/index.ts';

const FIRST_MS = 2;
const CAP_MS = 1_000;

/**
 * The pause before a retry, in milliseconds: none before the first, then full jitter (uniform between 0 and
 * a bound that doubles), capped at a second.
 */
export function retryDelayMs(retry: number, random: () => number = Math.random): number {
  if (retry <= 1) return 0;
  return random() * Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(retry - 1, 20));
}

/** Resolves after `ms`, or rejects at once with the signal's reason. */
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
