import {
  checkOptions,
  InvalidOptionError,
  jittered,
  LeaseLostError,
  LONGEST_TIMER_MS,
  pause,
  SessionExpiredError,
  WorkConflictError,
} from '../base/index.ts';
import type { Session } from '../client/index.ts';
import { COMPONENT, inSpan, KIND, type OperationSpan } from '../telemetry/index.ts';
import { type Backoff, checkKind, type Work } from '../work/index.ts';
import {
  type ControlLoop,
  type ControlLoopOptions,
  controlLoopSchema,
  type LoopHost,
  type LoopPhase,
  type LoopState,
  stopSchema,
} from './options.ts';

const DEFAULT_BACKOFF: Backoff = { initialMs: 1_000, maximumMs: 60_000, exponent: 2 };
const DEFAULT_GRACE_MS = 10_000;
/** First pause after a failed look or a lost session; doubles up to the poll interval, at least a second. */
const FIRST_RECOVERY_MS = 50;

/**
 * Runs one process of a component: keeps a session alive and replaces it when it expires, retrieves work, hands
 * it to the handler, fails what the handler throws at, drains on stop. Any number of replicas may run; they
 * need no coordinator.
 *
 * When there is nothing to do it looks again after a jittered pause that grows to `pollIntervalMs`, and is back
 * to looking at once as soon as work shows up. Nothing but `stop` ends it: errors go to `onError`.
 *
 * Throws InvalidOptionError, at once, naming the wrong option. Stop it before closing `db`.
 */
export function runControlLoop(db: LoopHost, options: ControlLoopOptions): ControlLoop {
  const checked = checkOptions(controlLoopSchema, options) as ControlLoopOptions;
  checkKind(checked.kind);
  if (typeof db?.startSession !== 'function') throw new InvalidOptionError('db', 'expected a Database');
  return new Loop(db, checked);
}

class Loop implements ControlLoop {
  readonly done: Promise<void>;
  readonly #db: LoopHost;
  readonly #options: ControlLoopOptions;
  readonly #parallelism: number;
  readonly #pollMs: number;
  readonly #minimumGapMs: number;
  readonly #stopping = new AbortController();
  readonly #graceOver = new AbortController();
  readonly #active = new Set<Promise<void>>();
  #session: Session | undefined;
  #lastPoll: number | undefined;
  #running = true;
  #wake = Promise.withResolvers<void>();

  constructor(db: LoopHost, options: ControlLoopOptions) {
    this.#db = db;
    this.#options = options;
    this.#parallelism = options.parallelism ?? 1;
    this.#pollMs = options.pollIntervalMs ?? 1_000;
    this.#minimumGapMs = 1_000 / (options.maxPollsPerSecond ?? 20);
    this.done = this.#run();
  }

  get state(): LoopState {
    return {
      running: this.#running,
      sessionId: this.#session?.id,
      active: this.#active.size,
      lastPollAgeMs: this.#lastPoll === undefined ? undefined : performance.now() - this.#lastPoll,
    };
  }

  async stop(options: { graceMs?: number } = {}): Promise<void> {
    const { graceMs = DEFAULT_GRACE_MS } = checkOptions(stopSchema, options);
    this.#stopping.abort();
    const timer = setTimeout(
      () => this.#graceOver.abort(new Error('the loop is stopping')),
      Math.min(graceMs, LONGEST_TIMER_MS),
    );
    await this.done;
    clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    let idleMs = 0;
    let recoveryMs = FIRST_RECOVERY_MS;
    while (!this.#stopping.signal.aborted) {
      const started = performance.now();
      let pauseMs: number;
      try {
        const session = await this.#liveSession();
        const free = this.#parallelism - this.#active.size;
        const found = free > 0 ? await this.#look(session, free) : 0;
        recoveryMs = FIRST_RECOVERY_MS;
        idleMs = found > 0 ? 0 : Math.min(this.#pollMs, Math.max(this.#minimumGapMs, idleMs * 2));
        pauseMs = this.#active.size >= this.#parallelism ? Infinity : jittered(idleMs);
      } catch (error) {
        this.#report(error, error instanceof SessionExpiredError ? 'session' : 'retrieve');
        pauseMs = jittered(recoveryMs);
        recoveryMs = Math.min(Math.max(1_000, this.#pollMs), recoveryMs * 2);
      }
      // From look to look: a look's own time is part of the poll interval, but a database that is slow to
      // answer still gets a rest.
      const tookMs = performance.now() - started;
      const gapMs = this.#minimumGapMs - tookMs;
      await this.#rest(Math.max(pauseMs - tookMs, pauseMs / 4, gapMs), gapMs);
    }
    await this.#drain();
    this.#running = false;
  }

  /** Looks once; takes and starts what it can. */
  async #look(session: Session, free: number): Promise<number> {
    const { kind, retrieve } = this.#options;
    try {
      const works = await session.workMany(kind, free, retrieve);
      this.#lastPoll = performance.now();
      for (const work of works) this.#start(work);
      return works.length;
    } catch (error) {
      if (!(error instanceof WorkConflictError)) throw error;
      this.#lastPoll = performance.now();
      return 0;
    }
  }

  #start(work: Work): void {
    const names = { [KIND]: work.kind, [COMPONENT]: this.#options.component ?? work.kind };
    const handled = inSpan(`handle ${work.kind}`, names, (span) => this.#handle(work, span));
    const running = handled.finally(() => {
      this.#active.delete(running);
      this.#wake.resolve();
    });
    this.#active.add(running);
  }

  async #handle(work: Work, span: OperationSpan): Promise<void> {
    const signal = AbortSignal.any([work.signal, this.#graceOver.signal]);
    const abandoned = Promise.withResolvers<void>();
    const abandon = () => abandoned.resolve();
    this.#graceOver.signal.addEventListener('abort', abandon, { once: true });
    try {
      const handling = (async () => this.#options.handle(work, signal))();
      handling.catch(() => {});
      await Promise.race([handling, abandoned.promise]);
      if (this.#graceOver.signal.aborted) await work[Symbol.asyncDispose]();
      else if (!work.ended) await this.#fail(work, 'the handler returned without ending the work');
    } catch (error) {
      this.#report(error, 'handle');
      span.fail(error);
      if (!work.ended) await this.#fail(work, describe(error));
    } finally {
      this.#graceOver.signal.removeEventListener('abort', abandon);
    }
  }

  /** Until the database has heard it, or the session is over: nobody else can have the work meanwhile. */
  async #fail(work: Work, cause: string): Promise<void> {
    for (let pauseMs = FIRST_RECOVERY_MS; ; pauseMs = Math.min(1_000, pauseMs * 2)) {
      try {
        await work.fail(this.#options.backoff ?? DEFAULT_BACKOFF, cause);
        return;
      } catch (error) {
        if (error instanceof SessionExpiredError || error instanceof LeaseLostError) return;
        this.#report(error, 'end');
      }
      // Closing the session then gives it up.
      await pause(jittered(pauseMs), this.#graceOver.signal).catch(() => {});
      if (work.ended || this.#graceOver.signal.aborted) return;
    }
  }

  async #liveSession(): Promise<Session> {
    if (this.#session && !this.#session.expired) return this.#session;
    this.#session = undefined;
    const { kind, component, instance, intervalMs } = this.#options;
    this.#session = await this.#db.startSession({
      component: component ?? kind,
      ...(instance === undefined ? {} : { instance }),
      ...(intervalMs === undefined ? {} : { intervalMs }),
    });
    return this.#session;
  }

  /** Waits: for the pause, or for a handler to end (but never less than the rate limit asks), or for stop. */
  async #rest(pauseMs: number, leastMs: number): Promise<void> {
    this.#wake = Promise.withResolvers();
    if (this.#active.size < this.#parallelism && pauseMs === Infinity) return;
    const ended = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, ended.signal]);
    void this.#wake.promise.then(async () => {
      await pause(leastMs, this.#stopping.signal).catch(() => {});
      ended.abort();
    });
    await pause(Math.min(pauseMs, 2 ** 30), signal).catch(() => {});
  }

  async #drain(): Promise<void> {
    await Promise.allSettled([...this.#active]);
    try {
      await this.#session?.close();
    } catch (error) {
      this.#report(error, 'end');
    }
  }

  #report(error: unknown, during: LoopPhase): void {
    try {
      this.#options.onError?.(error, during);
    } catch (thrown) {
      process.emitWarning(thrown instanceof Error ? thrown : String(thrown), 'HoldfastHookWarning');
    }
  }
}

/** An error as an operator wants to read it in the history: message and code, no stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error).replaceAll('\0', ' ').slice(0, 2_000);
  const { code } = error as { code?: unknown };
  return `${typeof code === 'string' ? `${code}: ` : ''}${error.message}`
    .replaceAll('\0', ' ')
    .slice(0, 2_000);
}
