import { afterAll, beforeAll, expect } from 'vitest';

/** From here to the end of the file: nothing may escape as an uncaught exception or unhandled rejection. */
export function expectNoStrayErrors(): void {
  const strays: unknown[] = [];
  const note = (error: unknown) => {
    strays.push(error);
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
    expect(strays).toEqual([]);
  });
}
