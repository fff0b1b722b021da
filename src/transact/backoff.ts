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
