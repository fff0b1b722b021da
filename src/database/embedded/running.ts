import { setTimeout as delay } from 'node:timers/promises';
import type { Guard } from './guard.ts';
import { readPostmasterFile } from './postmaster.ts';

/** A server that takes connections. */
export interface Running {
  readonly dir: string;
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
  stop(): Promise<void>;
}

export type Outcome = { readonly ready: true } | { readonly ready: false; readonly output: string };

const pollIntervalMs = 10;
const startTimeoutMs = 60_000;

/** Waits until the server on our port says in its lock file that it is ready, or the guard has ended. */
export async function whenReady(guard: Guard, data: string, port: number): Promise<Outcome> {
  let output: string | undefined;
  void guard.ended.then((end) => {
    output = end.output || 'it ended without a word';
  });
  for (const giveUpAt = performance.now() + startTimeoutMs; performance.now() < giveUpAt; ) {
    if (output !== undefined) return { ready: false, output };
    const found = await readPostmasterFile(data);
    if (found?.ready === true && found.port === port) {
      guard.release();
      return { ready: true };
    }
    await delay(pollIntervalMs);
  }
  await guard.stop();
  return { ready: false, output: `it was not ready within ${startTimeoutMs / 1000} s` };
}
