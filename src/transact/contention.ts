import { pause, unlessAborted, within } from '../base/index.ts';

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

/** After so many lost conflicts a transaction is starving. */
const STARVING_AFTER = 2;
/** Longest wait for one starving transaction, and for all of them, before an attempt. */
const YIELD_MS = 1_000;
const YIELD_IN_ALL_MS = 10_000;

/** A transaction as those that it competes with see it. */
export interface Contestant {
  /** What it competes with. Asked for only when some transaction is starving. */
  kind(): string;
  readonly startedMs: number;
  /** Readings of performance.now(); no pause goes beyond. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

interface Starving {
  readonly kind: string;
  readonly startedMs: number;
  /** Attempts that failed since it was the oldest one of its kind; undefined until then. */
  failuresAsOldest: number | undefined;
  /** Resolves when it has ended. */
  readonly ended: { readonly promise: Promise<true>; resolve(value: true): void };
}

/**
 * The starving transactions of one database handle, oldest first, by kind. With nothing but backoff a loser's pauses
 * grow while newcomers begin without any, so the same one loses until no newcomer is left (the capture effect of
 * exponential backoff). So a transaction that has lost a few times is starving, and those of its kind that began later
 * wait until it has ended before they begin an attempt.
 *
 * It does not promise an order among several processes, or among transactions of different kinds.
 */
export class Contests {
  readonly #byKind = new Map<string, Starving[]>();

  get any(): boolean {
    return this.#byKind.size > 0;
  }

  add(kind: string, startedMs: number): Starving {
    const starving = { kind, startedMs, failuresAsOldest: undefined, ended: Promise.withResolvers<true>() };
    const all = [...(this.#byKind.get(kind) ?? []), starving].sort((a, b) => a.startedMs - b.startedMs);
    this.#byKind.set(kind, all);
    return starving;
  }

  remove(starving: Starving): void {
    const others = this.#byKind.get(starving.kind)?.filter((one) => one !== starving) ?? [];
    if (others.length > 0) this.#byKind.set(starving.kind, others);
    else this.#byKind.delete(starving.kind);
    starving.ended.resolve(true);
  }

  /** The oldest starving one of the kind, if it began earlier. */
  before(kind: string, startedMs: number): Starving | undefined {
    const oldest = this.#byKind.get(kind)?.[0];
    return oldest && oldest.startedMs < startedMs ? oldest : undefined;
  }
}

/** When a transaction may begin its next attempt: after its backoff, and after older ones that are starving. */
export class Contest implements Disposable {
  readonly #contests: Contests;
  readonly #self: Contestant;
  #lost = 0;
  #starving: Starving | undefined;

  constructor(contests: Contests, self: Contestant) {
    this.#contests = contests;
    this.#self = self;
  }

  /** Before the first attempt. Rejects with the signal's reason, as `pause` does. */
  async begin(): Promise<void> {
    if (this.#contests.any) await this.#yield();
  }

  /** An attempt was lost to another transaction. */
  lost(): void {
    this.#lost++;
  }

  /** Before the attempt that follows so many. */
  async pause(attempts: number): Promise<void> {
    const { startedMs, deadline, signal } = this.#self;
    if (this.#lost >= STARVING_AFTER) this.#starving ??= this.#contests.add(this.#self.kind(), startedMs);
    if (this.#contests.any) await this.#yield();
    let failures = attempts;
    if (this.#starving && !this.#contests.before(this.#starving.kind, startedMs)) {
      // Those that it has lost against wait now, so its backoff begins anew.
      failures = (this.#starving.failuresAsOldest ?? 1) + 1;
      this.#starving.failuresAsOldest = failures;
    }
    await pause(Math.min(retryDelayMs(failures), Math.max(0, deadline - performance.now())), signal);
  }

  /** Those that wait for it go on. */
  [Symbol.dispose](): void {
    if (this.#starving) this.#contests.remove(this.#starving);
  }

  /** Waits while older ones of its kind are starving, for a bounded time. */
  async #yield(): Promise<void> {
    const { startedMs, deadline, signal } = this.#self;
    const until = Math.min(deadline, performance.now() + YIELD_IN_ALL_MS);
    for (;;) {
      const older = this.#contests.before(this.#self.kind(), startedMs);
      const leftMs = Math.min(until - performance.now(), YIELD_MS);
      if (!older || leftMs <= 0) return;
      if (!(await unlessAborted(signal, within(leftMs, older.ended.promise)))) return;
    }
  }
}
