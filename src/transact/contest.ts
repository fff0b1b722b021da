import { pause } from '../base/index.ts';
import { retryDelayMs } from './backoff.ts';
import type { Elder, Elders } from './elders.ts';

/** Conflicts lost after which others of its kind stand back. */
const ELDER_AFTER = 2;

/** A transaction as those that it competes with see it. */
export interface Contestant {
  /** What it competes with. Asked for only when somebody starves. */
  kind(): string;
  readonly startedMs: number;
  /** Readings of performance.now(); no pause goes beyond. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** When a transaction may begin its next attempt: after its backoff, and after older ones that starve. */
export class Contest {
  readonly #elders: Elders;
  readonly #self: Contestant;
  /** Attempts that others of its kind may have been the cause of. */
  #conflicts = 0;
  /** It has lost so often that others stand back. */
  #elder: Elder | undefined;

  constructor(elders: Elders, self: Contestant) {
    this.#elders = elders;
    this.#self = self;
  }

  /** Before the first attempt. Rejects with the signal's reason, as `pause` does. */
  async begin(): Promise<void> {
    if (this.#elders.any) await this.#standBack();
  }

  /** An attempt was lost to another transaction. */
  lost(): void {
    this.#conflicts++;
  }

  /** Before the attempt that follows so many. */
  async pause(attempts: number): Promise<void> {
    const { startedMs, deadline, signal } = this.#self;
    if (this.#conflicts >= ELDER_AFTER) this.#elder ??= this.#elders.add(this.#self.kind(), startedMs);
    if (this.#elders.any) await this.#standBack();
    let failures = attempts;
    if (this.#elder && !this.#elders.before(this.#elder.kind, startedMs)) {
      // Those that it has lost against stand back now, so its backoff begins anew.
      failures = (this.#elder.failuresAsEldest ?? 1) + 1;
      this.#elder.failuresAsEldest = failures;
    }
    await pause(Math.min(retryDelayMs(failures), Math.max(0, deadline - performance.now())), signal);
  }

  /** Whoever stood back goes on. */
  end(): void {
    this.#elder?.end();
  }

  #standBack(): Promise<void> {
    const { startedMs, deadline, signal } = this.#self;
    return this.#elders.standBack(this.#self.kind(), startedMs, deadline, signal);
  }
}
