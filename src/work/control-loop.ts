import {
  checkOptions,
  Doubling,
  invalidOption,
  jittered,
  LEAST_PATIENCE_MS,
  LeaseLostError,
  LONGEST_TIMER_MS,
  pause,
  SessionExpiredError,
  tell,
  within,
} from '../base/index.ts';
import { COMPONENT, inSpan, KIND, type OperationSpan } from '../telemetry/index.ts';
import type { Watch } from '../topics/index.ts';
import { DEFAULT_BACKOFF } from './backoff.ts';
import { describeFailure } from './describe-failure.ts';
import {
  type ControlLoop,
  type ControlLoopOptions,
  controlLoopSchema,
  type LoopHost,
  type LoopPhase,
  type LoopState,
  stopSchema,
} from './loop-options.ts';
import type { Session } from './session.ts';
import { claimSource } from './source.ts';
import type { Work } from './work.ts';

const DEFAULT_GRACE_MS = 10_000;
/** First pause after a failed claim or a lost session; doubles up to the poll interval, at least a second. */
const FIRST_RECOVERY_MS = 50;
/** Least pause between two claims that find nothing. */
const LEAST_IDLE_MS = 50;
/** Loops that are told of something at once look at different times: within this, and wider after a look for nothing. */
const LEAST_SPREAD_MS = 2;
const MOST_SPREAD_MS = 250;
/** Claimed ahead at most, for each handler. */
const MOST_AHEAD = 8;

/**
 * Runs one kind of work of a component: keeps a session alive and replaces it when it expires, claims work, hands
 * it to the handler, fails what the handler throws at, drains on stop. Any number of replicas may run; they
 * need no coordinator.
 *
 * It claims for its free handlers and, when handlers take no longer than a claim does, a little ahead, and claims again
 * at once while there is work. When there is none it leaves the database alone for a jittered pause that grows to
 * `pollIntervalMs`. Nothing but `stop` ends it: errors go to `onError`.
 *
 * Throws MisuseError, at once, naming the wrong option, or DatabaseClosedError. Stop it before closing `db`.
 */
export function runControlLoop(db: LoopHost, options: ControlLoopOptions): ControlLoop {
  const checked = checkOptions(controlLoopSchema, options) as ControlLoopOptions;
  const { kind } = claimSource(checked.source);
  if (typeof db?.startSession !== 'function') throw invalidOption('db', 'expected a Database');
  return new Loop(db, kind, checked);
}

/**
 *                     +--------------------- lost session or failed claim, after a pause -------+
 *                     v                                                                         |
 *   starting a session --> claiming --found--> full (enough is claimed) --a handler is free--> claiming
 *                             ^  |
 *                             |  +--nothing--> idle (a growing pause) --+
 *                             +-----------------------------------------+
 *   any of them --stop--> draining --> stopped
 *
 * Handlers run beside it: `ready` holds what was claimed and waits for one, `active` counts those that run.
 */
class Loop implements ControlLoop {
  readonly done: Promise<void>;
  readonly #db: LoopHost;
  readonly #kind: string;
  readonly #options: ControlLoopOptions;
  readonly #parallelism: number;
  readonly #idle: Doubling;
  readonly #recovery: Doubling;
  readonly #stopping = new AbortController();
  readonly #graceOver = new AbortController();
  readonly #active = new Set<Promise<void>>();
  readonly #pace = new Pace();
  readonly #watch: Watch;
  #spreadMs = LEAST_SPREAD_MS;
  #ready: Work[] = [];
  #session: Session | undefined;
  /** After a lost session it takes one piece of work first, then twice as many each time. */
  #most = Infinity;
  #lastClaim: number | undefined;
  #running = true;
  #changed = Promise.withResolvers<void>();

  constructor(db: LoopHost, kind: string, options: ControlLoopOptions) {
    this.#db = db;
    this.#kind = kind;
    this.#options = options;
    this.#parallelism = options.parallelism ?? 1;
    const pollMs = options.pollIntervalMs ?? 1_000;
    this.#idle = new Doubling(Math.min(LEAST_IDLE_MS, pollMs), pollMs);
    this.#recovery = new Doubling(FIRST_RECOVERY_MS, Math.max(1_000, pollMs));
    this.#watch = db.watch(kind);
    this.done = this.#run();
  }

  get state(): LoopState {
    return {
      running: this.#running,
      sessionId: this.#session?.id,
      active: this.#active.size,
      ready: this.#ready.length,
      lastPollAgeMs: this.#lastClaim === undefined ? undefined : performance.now() - this.#lastClaim,
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
    const stopping = this.#stopping.signal;
    while (!stopping.aborted) {
      let during: LoopPhase = 'session';
      try {
        const session = await this.#liveSession();
        const wanted = this.#wanted();
        if (wanted === 0) {
          await this.#change();
          continue;
        }
        during = 'claim';
        const { heard } = this.#watch;
        const found = await this.#claim(session, wanted);
        this.#recovery.reset();
        if (found > 0) {
          this.#idle.reset();
          this.#spreadMs = Math.max(LEAST_SPREAD_MS, this.#spreadMs / 4);
        } else await this.#rest(this.#idle.next(), heard);
      } catch (error) {
        this.#report(error, error instanceof SessionExpiredError ? 'session' : during);
        if (error instanceof SessionExpiredError) this.#most = 1;
        await pause(this.#recovery.next(), stopping).catch(() => {});
      }
    }
    this.#watch[Symbol.dispose]();
    await this.#drain();
    this.#running = false;
  }

  /** How much to claim now: for free handlers, and ahead once half of what is to lie ready is gone. */
  #wanted(): number {
    const free = this.#parallelism - this.#active.size;
    const ahead = this.#pace.ahead(this.#parallelism);
    const missing = free + ahead - this.#ready.length;
    if (free === 0 && this.#ready.length > ahead / 2) return 0;
    return Math.max(0, Math.min(missing, this.#most));
  }

  async #claim(session: Session, wanted: number): Promise<number> {
    const started = performance.now();
    const works = await session.claim(this.#options.source, { wanted });
    this.#lastClaim = performance.now();
    this.#pace.claimed(this.#lastClaim - started);
    this.#most *= 2;
    this.#ready.push(...works);
    this.#begin();
    return works.length;
  }

  /** Gives free handlers what lies ready. */
  #begin(): void {
    while (this.#active.size < this.#parallelism && !this.#stopping.signal.aborted) {
      const work = this.#ready.shift();
      if (!work) return;
      // It went with its session while it lay ready.
      if (!work.signal.aborted) this.#start(work);
    }
  }

  #start(work: Work): void {
    const started = performance.now();
    const names = { [KIND]: work.kind, [COMPONENT]: this.#options.component ?? work.kind };
    const handled = inSpan(`handle ${work.kind}`, names, (span) => this.#handle(work, span));
    const running = handled.finally(() => {
      this.#pace.handled(performance.now() - started);
      this.#active.delete(running);
      this.#begin();
      this.#changed.resolve();
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
      if (this.#graceOver.signal.aborted) await this.#letGo([work]);
      else if (!work.ended) await this.#fail(work, 'the handler returned without ending the work');
    } catch (error) {
      this.#report(error, 'handle');
      span.fail(error);
      if (!work.ended) await this.#fail(work, describeFailure(error));
    } finally {
      this.#graceOver.signal.removeEventListener('abort', abandon);
    }
  }

  /** Until the database has heard it, or the session is over: nobody else can have the work meanwhile. */
  async #fail(work: Work, cause: string): Promise<void> {
    const pauses = new Doubling(FIRST_RECOVERY_MS, 1_000);
    for (;;) {
      try {
        await work.fail(cause, { backoff: this.#options.backoff ?? DEFAULT_BACKOFF });
        return;
      } catch (error) {
        if (error instanceof SessionExpiredError || error instanceof LeaseLostError) return;
        this.#report(error, 'end');
      }
      // Closing the session then gives it up.
      await pause(pauses.next(), this.#graceOver.signal).catch(() => {});
      if (work.ended || this.#graceOver.signal.aborted) return;
    }
  }

  /** Cancels, and waits for that no longer than for any answer: closing the session frees the work as well. */
  async #letGo(works: readonly Work[]): Promise<void> {
    const ms = Math.max(this.#session?.intervalMs ?? 0, LEAST_PATIENCE_MS);
    await within(ms, Promise.allSettled(works.map((work) => work[Symbol.asyncDispose]())));
  }

  async #liveSession(): Promise<Session> {
    if (this.#session && !this.#session.expired) return this.#session;
    if (this.#session) {
      this.#ready = [];
      this.#most = 1;
    }
    this.#session = undefined;
    const { component, instance, intervalMs } = this.#options;
    this.#session = await this.#db.startSession({
      component: component ?? this.#kind,
      ...(instance === undefined ? {} : { instance }),
      ...(intervalMs === undefined ? {} : { intervalMs }),
    });
    return this.#session;
  }

  /** Waits until a handler has ended, the session has, or the loop is to stop. */
  async #change(): Promise<void> {
    this.#changed = Promise.withResolvers();
    const resolve = () => this.#changed.resolve();
    const signals = [this.#stopping.signal, this.#session!.signal];
    for (const signal of signals) {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', resolve, { once: true });
    }
    await this.#changed.promise;
    for (const signal of signals) signal.removeEventListener('abort', resolve);
  }

  /**
   * Waits for the pause, or until something is announced. A handler that ends may have made something claimable: then for
   * no more than the least one.
   */
  async #rest(ms: number, heard: number): Promise<void> {
    const least = Math.min(ms, jittered(LEAST_IDLE_MS));
    if (await this.#announced(heard, least, this.#stopping.signal)) return;
    if (ms <= least) return;
    const rested = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, rested.signal]);
    this.#changed = Promise.withResolvers();
    void this.#changed.promise.then(() => rested.abort());
    await this.#announced(heard, ms - least, signal);
  }

  async #announced(heard: number, ms: number, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#watch.changed(heard, ms, signal))) return false;
    await pause(Math.random() * this.#spreadMs, this.#stopping.signal).catch(() => {});
    this.#spreadMs = Math.min(MOST_SPREAD_MS, this.#spreadMs * 2);
    return true;
  }

  async #drain(): Promise<void> {
    await this.#letGo(this.#ready.splice(0));
    await Promise.allSettled([...this.#active]);
    try {
      await this.#session?.close();
    } catch (error) {
      this.#report(error, 'end');
    }
  }

  #report(error: unknown, during: LoopPhase): void {
    tell(() => this.#options.onError?.(error, during));
  }
}

/** How long claims and handlers take, smoothed, and what follows for how much to claim ahead. */
class Pace {
  #claimMs: number | undefined;
  #handleMs: number | undefined;

  claimed(ms: number): void {
    this.#claimMs = smoothed(this.#claimMs, ms);
  }

  handled(ms: number): void {
    this.#handleMs = smoothed(this.#handleMs, ms);
  }

  /**
   * As much as the handlers take while four claims are answered; nothing when a handler takes ten
   * times as long as a claim. What is claimed ahead is kept from other replicas.
   */
  ahead(parallelism: number): number {
    if (this.#claimMs === undefined || this.#handleMs === undefined) return 0;
    const perHandler = this.#claimMs / Math.max(this.#handleMs, 0.05);
    if (perHandler < 0.1) return 0;
    return Math.min(MOST_AHEAD, Math.ceil(4 * perHandler)) * parallelism;
  }
}

const smoothed = (before: number | undefined, now: number) =>
  before === undefined ? now : before * 0.8 + now * 0.2;
