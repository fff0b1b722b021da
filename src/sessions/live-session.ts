import { SessionExpiredError } from '../base/index.ts';
import { SessionFence } from './session-fence.ts';

/**
 * A started session as its own process sees it: alive until its local deadline, expired for good afterwards.
 *
 * The local deadline is counted on the monotonic clock from when the last successful heartbeat was SENT, so it
 * always falls before the one in the database, however long the answer took and whatever the wall clocks say.
 * A process that was stopped past it finds itself expired at its first look.
 */
export class LiveSession {
  readonly id: string;
  readonly component: string;
  readonly intervalMs: number;
  readonly fence: SessionFence;
  readonly #abort = new AbortController();
  #aliveUntil: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(id: string, component: string, intervalMs: number, sentAt: number) {
    this.id = id;
    this.component = component;
    this.intervalMs = intervalMs;
    this.#aliveUntil = sentAt + intervalMs;
    this.fence = new SessionFence(this);
    this.#arm();
  }

  /** Aborts, with a SessionExpiredError as its reason, when the session expires or is closed. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** True when every later call will fail with SessionExpiredError. Looks at the clock. */
  get expired(): boolean {
    if (!this.signal.aborted && performance.now() >= this.#aliveUntil) {
      this.expire(`no heartbeat succeeded within ${this.intervalMs} ms`);
    }
    return this.signal.aborted;
  }

  /** Reading of performance.now() at which it expires unless a heartbeat succeeds. */
  get aliveUntil(): number {
    return this.#aliveUntil;
  }

  /** Throws SessionExpiredError when expired. */
  assertAlive(): void {
    if (this.expired) throw this.signal.reason;
  }

  /** A heartbeat that was sent at `sentAt` succeeded. Has no effect once expired. */
  extend(sentAt: number): void {
    if (this.expired) return;
    this.#aliveUntil = Math.max(this.#aliveUntil, sentAt + this.intervalMs);
    this.#arm();
  }

  /** Ends it for good. */
  expire(why: string): void {
    clearTimeout(this.#timer);
    if (!this.signal.aborted) this.#abort.abort(new SessionExpiredError(this.id, why));
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.expired, Math.max(0, this.#aliveUntil - performance.now()) + 1);
    this.#timer.unref();
  }
}
