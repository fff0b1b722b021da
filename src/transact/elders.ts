import { pause } from '../base/index.ts';

/** Longest wait for one elder, and for all of them, before an attempt. */
const STAND_BACK_MS = 1_000;
const STAND_BACK_IN_ALL_MS = 10_000;

/** A transaction that has failed so often that others of its kind stand back. */
export interface Elder {
  readonly kind: string;
  readonly startedMs: number;
  /** Attempts that failed since nobody older was left; undefined while somebody is. */
  failuresAsEldest: number | undefined;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  end(): void;
}

/**
 * Keeps newcomers from starving those that have lost again and again. With nothing but backoff a loser's pauses
 * grow while newcomers begin without any, so the same one loses until no newcomer is left (the capture effect
 * of exponential backoff). So within one database handle a transaction that has failed a few times becomes an
 * elder, and transactions of its kind that began later wait until it has ended before they begin an attempt.
 *
 * What it does not promise: order among several processes, or among transactions of different kinds.
 */
export class Elders {
  readonly #byKind = new Map<string, Elder[]>();

  /** Somebody starves. */
  get any(): boolean {
    return this.#byKind.size > 0;
  }

  add(kind: string, startedMs: number): Elder {
    let settle = () => {};
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const elder: Elder = {
      kind,
      startedMs,
      failuresAsEldest: undefined,
      ended,
      end: () => {
        this.#remove(elder);
        settle();
      },
    };
    const elders = this.#byKind.get(kind) ?? [];
    elders.push(elder);
    elders.sort((a, b) => a.startedMs - b.startedMs);
    this.#byKind.set(kind, elders);
    return elder;
  }

  /** The one to wait for, if anybody of that kind began before. */
  before(kind: string, startedMs: number): Elder | undefined {
    const eldest = this.#byKind.get(kind)?.[0];
    return eldest && eldest.startedMs < startedMs ? eldest : undefined;
  }

  /**
   * Waits while older ones of that kind starve, for a bounded time and not past `deadline`, a reading of
   * performance.now(). Rejects with the signal's reason.
   */
  async standBack(kind: string, startedMs: number, deadline: number, signal: AbortSignal): Promise<void> {
    const until = Math.min(deadline, performance.now() + STAND_BACK_IN_ALL_MS);
    for (;;) {
      const elder = this.before(kind, startedMs);
      const leftMs = Math.min(until - performance.now(), STAND_BACK_MS);
      if (!elder || leftMs <= 0 || !(await hasEnded(elder, leftMs, signal))) return;
    }
  }

  #remove(elder: Elder): void {
    const elders = this.#byKind.get(elder.kind)?.filter((one) => one !== elder) ?? [];
    if (elders.length > 0) this.#byKind.set(elder.kind, elders);
    else this.#byKind.delete(elder.kind);
  }
}

/** False when it goes on for longer. */
async function hasEnded(elder: Elder, ms: number, signal: AbortSignal): Promise<boolean> {
  const enough = new AbortController();
  const timeout = pause(ms, AbortSignal.any([signal, enough.signal]));
  timeout.catch(() => {});
  try {
    return await Promise.race([elder.ended.then(() => true), timeout.then(() => false)]);
  } finally {
    enough.abort();
  }
}
