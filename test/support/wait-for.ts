import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** For what may take longer than a test may by default. It ends what hangs; it says nothing of how long anything takes. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** What is waited for, for the message. */
  readonly what?: string;
}

/** Just below the limit of a test, so that the message says what was waited for. */
const LIMIT_MS = 150_000;

/**
 * Polls a condition that has no event, until it gives something truthy, and returns that. An error thrown by
 * the condition ends the wait.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, '' | 0 | false | null | undefined>> {
  const { timeoutMs = LIMIT_MS, intervalMs = 20, what = condition.toString() } = options;
  for (const giveUpAt = performance.now() + timeoutMs; ; ) {
    const value = await condition();
    if (value) return value as Exclude<T, '' | 0 | false | null | undefined>;
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await delay(intervalMs);
  }
}
