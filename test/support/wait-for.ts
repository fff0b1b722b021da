import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** What is waited for, for the message. */
  readonly what?: string;
}

/**
 * Polls a condition that has no event, until it gives something truthy, and returns that. An error thrown by
 * the condition ends the wait.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, '' | 0 | false | null | undefined>> {
  const { timeoutMs = 10_000, intervalMs = 20, what = condition.toString() } = options;
  for (const giveUpAt = performance.now() + timeoutMs; ; ) {
    const value = await condition();
    if (value) return value as Exclude<T, '' | 0 | false | null | undefined>;
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await delay(intervalMs);
  }
}
