import { afterAll, beforeAll, expect } from 'vitest';

/** From here to the end of the file: nothing may escape as an uncaught exception or unhandled rejection. */
export function expectNoUncaughtErrors(): void {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => {
    uncaught.push(error);
  };
  beforeAll(() => {
    process.on('uncaughtExceptionMonitor', note);
    process.on('unhandledRejection', note);
  });
  afterAll(async () => {
    // A rejection counts as unhandled only after the microtasks of its turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('uncaughtExceptionMonitor', note);
    process.off('unhandledRejection', note);
    expect(uncaught).toEqual([]);
  });
}

/** The unhandled rejections while `body` runs and until its last turn is over. Nobody else is told of them. */
export async function unhandledDuring(body: () => Promise<unknown>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => {
    unhandled.push(error);
  };
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  try {
    await body();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return unhandled;
}
