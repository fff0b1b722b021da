import { Doubling, LONGEST_TIMER_MS, within } from './time.ts';

export interface ServiceOptions {
  /**
   * One turn. Gives the pause until the next one in milliseconds; Infinity waits for `hurry`. `stopping` aborts when the
   * service is to end: a turn that waits for anything else than a statement with a time limit waits for that too.
   */
  turn(stopping: AbortSignal): Promise<number>;
  /** Told of every turn that threw. What it throws itself becomes a process warning. Default: nobody is told. */
  onError?: ((error: unknown) => void) | undefined;
  /** Pauses after turns that threw, until one succeeds. Default: 50 ms, doubling to a second. */
  recovery?: Doubling | undefined;
}

/**
 * - `running`: a turn is under way
 * - `resting`: between two turns
 * - `stopping`: the last turn is under way
 * - `stopped`
 */
export type ServiceState = 'running' | 'resting' | 'stopping' | 'stopped';

/**
 * Something that runs again and again, one turn at a time, from its construction until `stop`. Nothing but `stop` ends
 * it: after a turn that threw comes another one.
 *
 *   running --turn ends--> resting --pause ends, or hurry--> running
 *      | stop                 | stop
 *      v                      v
 *   stopping --turn ends--> stopped
 */
export class Service {
  /** Resolves when it has stopped; never rejects. */
  readonly done: Promise<void>;
  readonly #options: ServiceOptions;
  readonly #recovery: Doubling;
  readonly #stopping = new AbortController();
  #state: ServiceState = 'running';
  /** The next turn begins no later than this, by performance.now(). */
  #dueAt = Infinity;
  #rest: { readonly end: () => void; timer: NodeJS.Timeout | undefined } | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#recovery = options.recovery ?? new Doubling(50, 1_000);
    this.done = this.#run();
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Aborts when it is to end. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** The next turn begins in `ms` at the latest; behind the one that is under way, if one is. */
  hurry(ms = 0): void {
    const at = performance.now() + ms;
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#setTimer();
  }

  /** Begins no further turn, and waits for the one that is under way, `withinMs` at most. */
  async stop(withinMs = Infinity): Promise<void> {
    if (this.#state === 'running') this.#state = 'stopping';
    this.#stopping.abort(new Error('it is stopping'));
    this.#rest?.end();
    await (withinMs === Infinity ? this.done : within(withinMs, this.done));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // The constructor's caller gets to keep it before its first turn.
    await Promise.resolve();
    while (!signal.aborted) {
      this.#dueAt = Infinity;
      this.#state = 'running';
      let pauseMs: number;
      try {
        pauseMs = await this.#options.turn(signal);
        this.#recovery.reset();
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) tell(() => this.#options.onError?.(error));
        pauseMs = this.#recovery.next();
        // The next turn waits for the pause, also when it was to begin at once.
        this.#dueAt = Infinity;
      }
      if (signal.aborted) break;
      this.#state = 'resting';
      this.hurry(pauseMs);
      await this.#resting();
    }
    this.#state = 'stopped';
  }

  async #resting(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#rest = { end: resolve, timer: undefined };
    this.#setTimer();
    await promise;
    clearTimeout(this.#rest.timer);
    this.#rest = undefined;
  }

  #setTimer(): void {
    const rest = this.#rest;
    if (!rest) return;
    clearTimeout(rest.timer);
    const left = this.#dueAt - performance.now();
    if (left <= 0) rest.end();
    else if (left < LONGEST_TIMER_MS) rest.timer = setTimeout(rest.end, left);
  }
}

/** Calls what a user gave to be told something; what that throws becomes a process warning. */
export function tell(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    process.emitWarning(thrown instanceof Error ? thrown : String(thrown), 'HoldfastHookWarning');
  }
}
