/** A timer that waits for the fake clock. Has what Node's own has, so that `unref()` works. */
interface FakeTimer {
  readonly dueAt: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
};

/**
 * Takes the place of the global timers, of `Date.now` and of `performance.now` until it is disposed of; time
 * stands still but for `advance`. Sockets go on in real time, so a database can be used meanwhile. One at a time.
 */
export class FakeClock implements Disposable {
  readonly #timers = new Map<object, FakeTimer>();
  readonly #realNow = performance.now.bind(performance);
  readonly #realDate = Date.now;
  readonly #monotonicStart: number;
  readonly #wallStart: number;
  #elapsedMs = 0;

  constructor() {
    // A whole number, so that what is due after so many milliseconds is due then, and not a rounding error later.
    this.#monotonicStart = Math.ceil(this.#realNow());
    this.#wallStart = this.#realDate();
    performance.now = () => this.#monotonicStart + this.#elapsedMs;
    Date.now = () => this.#wallStart + this.#elapsedMs;
    globalThis.setTimeout = ((run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.#add(() => run(...args), ms, undefined)) as unknown as typeof setTimeout;
    globalThis.setInterval = ((run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.#add(() => run(...args), ms, Math.max(1, ms))) as unknown as typeof setInterval;
    globalThis.clearTimeout = ((timer: object) => this.#clear(timer)) as typeof clearTimeout;
    globalThis.clearInterval = ((timer: object) => this.#clear(timer)) as typeof clearInterval;
  }

  /** Since it was made, in milliseconds. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on, firing what falls due, in order; what fires may set more timers, which fire too. */
  async advance(ms: number): Promise<void> {
    const target = this.#elapsedMs + ms;
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.dueAt - b.dueAt);
      if (!next || next[1].dueAt > target) break;
      const [handle, timer] = next;
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueAt);
      if (timer.everyMs === undefined) this.#timers.delete(handle);
      else this.#timers.set(handle, { ...timer, dueAt: timer.dueAt + timer.everyMs });
      timer.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#elapsedMs = target;
  }

  /** Real time again. Timers that still wait never fire. */
  [Symbol.dispose](): void {
    Object.assign(globalThis, REAL);
    // It hid the one that all performance objects share.
    Reflect.deleteProperty(performance, 'now');
    Date.now = this.#realDate;
    this.#timers.clear();
  }

  #add(run: () => void, ms: number, everyMs: number | undefined): object {
    const handle = {
      ref: () => handle,
      unref: () => handle,
      hasRef: () => false,
      close: () => this.#clear(handle),
      refresh: () => handle,
      [Symbol.dispose]: () => this.#clear(handle),
    };
    this.#timers.set(handle, { dueAt: this.#elapsedMs + Math.max(0, ms), everyMs, run });
    return handle;
  }

  #clear(timer: object): void {
    // One that was set before the clock was faked.
    if (timer && !this.#timers.delete(timer)) REAL.clearTimeout(timer as NodeJS.Timeout);
  }
}
