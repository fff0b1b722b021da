import { checkOptions, invalidOption, LEAST_PATIENCE_MS, within } from '../base/index.ts';
import {
  type BatchResults,
  type BoundChange,
  type BoundQuery,
  type Executor,
  plainFinish,
  type RawResult,
  runBatch,
  type Statement,
} from '../query/index.ts';
import { derive, promised } from '../query/remembered.ts';
import type { LiveSession } from '../sessions/index.ts';
import { COMPONENT, inSpan, KIND, WORK_CLAIMED, WORK_WANTED } from '../telemetry/index.ts';
import type { TransactionBody, TransactOptions } from '../transact/index.ts';
import { backoffDelayMs, backoffSchema, nextBackoffSeconds } from './backoff.ts';
import { type Answer, Batcher } from './batcher.ts';
import { claimFrom } from './claims.ts';
import {
  batchOf,
  type Ender,
  type Ending,
  Endings,
  endInTransaction,
  type HowInTransaction,
  stepWorks,
} from './ending.ts';
import { HeldWork, type WorkResult } from './held-work.ts';
import {
  checkCause,
  checkUntil,
  checkWanted,
  type FailOptions,
  type FinishOptions,
  type ParkUntil,
} from './options.ts';
import type { GuardedExecutor } from './settle.ts';
import { type Claimed, type ClaimSource, claimSource, type Source } from './source.ts';
import { HELD, Work } from './work.ts';

/** What a session needs of its database handle. */
export interface SessionHost {
  transact<T>(live: LiveSession, body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
  send(
    live: LiveSession,
    statements: readonly Statement[],
    options?: TransactOptions,
  ): Promise<readonly RawResult[]>;
  guarded(live: LiveSession): GuardedExecutor;
  /** Throws MisuseError inside of an open transaction. */
  refuseInside(action: string): void;
  /** Whether the caller is in a transaction of this handle, once one that is being decided is. */
  isInside(): Promise<boolean>;
  close(live: LiveSession): Promise<void>;
  workStarted(live: LiveSession, work: Work, isTakenOver: boolean): void;
  workEnded(live: LiveSession, work: Work, result: WorkResult, heldMs: number): void;
}

interface ClaimCall {
  readonly source: ClaimSource;
  readonly wanted: number;
}

const NOTHING: Ending = { event: 'finished', delaysMs: [], backoffs: [] };

/**
 * Proof that a worker is alive, kept up by heartbeats for as long as the process runs and its event loop is not
 * blocked. Once expired every call throws SessionExpiredError and `signal` is aborted, for good; start another
 * one. `await using` closes it. Made by `db.startSession`.
 */
export class Session implements Executor {
  readonly #live: LiveSession;
  readonly #host: SessionHost;
  readonly #ender: Ender;
  readonly #endings: Endings;
  readonly #claiming: Batcher<ClaimCall, Claimed[]>;
  readonly #held = new Set<Work>();
  #claims = 0n;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(live: LiveSession, host: SessionHost) {
    this.#live = live;
    this.#host = host;
    this.#ender = {
      id: live.id,
      executor: host.guarded(live),
      transact: (body, options) => this.transact(body, options),
      nextClaim: () => ++this.#claims,
      expired: () => {
        live.expire('it is past its deadline, was closed, or its work was taken over');
        return live.signal.reason as Error;
      },
    };
    this.#endings = new Endings(this.#ender);
    this.#claiming = new Batcher(MOST_SHARED, (calls) => this.#claimTogether(calls));
  }

  /** UUID; the primary key of holdfast.session. */
  get id(): string {
    return this.#live.id;
  }

  /** Name of the program, as given to `startSession`. */
  get component(): string {
    return this.#live.component;
  }

  /** It is dead this long after its last heartbeat, in milliseconds. */
  get intervalMs(): number {
    return this.#live.intervalMs;
  }

  /** Aborts, with a SessionExpiredError as its reason, when the session expires or is closed. */
  get signal(): AbortSignal {
    return this.#live.signal;
  }

  /** True once it is past its local deadline, was closed, or was found gone. Looks at the clock, not the server. */
  get expired(): boolean {
    return this.#live.expired;
  }

  /** @internal Single statements whose own conditions make them right; given up when the session expires. */
  get guarded(): GuardedExecutor {
    return this.#ender.executor;
  }

  /** Work that this session has claimed and that has not ended, as far as this process knows. */
  get held(): readonly Work[] {
    return [...this.#held];
  }

  /**
   * Runs `body` in a transaction that commits only while this session is alive. Retried as needed: `body` must
   * have no effects outside of the database. Gives what the committed attempt returned.
   *
   * Throws SessionExpiredError, RetriesExhaustedError or DeadlineExceededError (nothing was committed),
   * AmbiguousCommitError (not known), or the very object that `body` threw (rolled back).
   */
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T> {
    return promised(() => {
      this.#live.assertAlive();
      return this.#host.transact(this.#live, body, options);
    });
  }

  /**
   * One statement in a transaction of its own that commits only while this session is alive, in one round trip:
   * `await renameMachine(session, { ... })`. Retried like `transact`; throws the same.
   */
  execute(statement: Statement, options?: TransactOptions): Promise<RawResult> {
    return derive(this.#send([statement], options), ([answer]) => answer!);
  }

  /** The same for several, `renameMachine.with({ ... })`: all or nothing, in one round trip. Results in order. */
  batch<const Q extends readonly BoundQuery<unknown>[]>(
    queries: Q,
    options?: TransactOptions,
  ): Promise<BatchResults<Q>> {
    return runBatch(queries, (statements) => this.#send(statements, options));
  }

  #send(statements: readonly Statement[], options?: TransactOptions): Promise<readonly RawResult[]> {
    return promised(() => {
      this.#live.assertAlive();
      return this.#host.send(this.#live, statements, options);
    });
  }

  /**
   * Takes up to `wanted` (1 by default, 10,000 at most) works from a source: never held, given up, or held by a session
   * that is gone or past its deadline, which is evicted. Gives those that were free, in the source's order; empty when
   * there is nothing to do or others were faster. A compiled `:claim` is one statement and one round trip; a function is
   * called in a read-only transaction, and one statement takes what it found. Calls with the same source that come while
   * one is under way are made together, first come first served.
   *
   * It commits by itself: inside of a transact callback of the same database handle it is refused with
   * MisuseError. One whose answer was lost is settled: what it took is given all the same. Throws
   * SessionExpiredError when the session ends first, DatabaseError when the server refused it and it took nothing,
   * MisuseError for what is no source, and what a function threw.
   */
  async claim(source: Source, options: { readonly wanted?: number } = {}): Promise<Work[]> {
    this.#host.refuseInside('a claim');
    const wanted = checkWanted(options.wanted ?? 1);
    const checked = claimSource(source);
    this.#live.assertAlive();
    const { kind } = checked;
    const names = { [KIND]: kind, [COMPONENT]: this.component, [WORK_WANTED]: wanted };
    return inSpan(`claim ${kind}`, names, async (span) => {
      const call = { source: checked, wanted };
      const claimed = await this.#claiming.call(checked.key ?? kind, wanted, call);
      span.set({ [WORK_CLAIMED]: claimed.length });
      return claimed.map((one) => this.#hold(kind, one));
    });
  }

  async #claimTogether(calls: readonly ClaimCall[]): Promise<Answer<Claimed[]>[]> {
    const [{ source }] = calls as [ClaimCall];
    const answers: Answer<Claimed[]>[] = [];
    // A call that got nothing while others got something looks again: there may be more elsewhere.
    while (answers.length < calls.length) {
      const waiting = calls.slice(answers.length);
      const wanted = waiting.reduce((sum, call) => sum + call.wanted, 0);
      try {
        const claimed = [...(await claimFrom(this.#ender.executor, this.#ender, source, wanted))];
        const none = claimed.length === 0;
        for (const call of waiting)
          if (none || claimed.length > 0) answers.push({ value: claimed.splice(0, call.wanted) });
      } catch (error) {
        for (const _ of waiting) answers.push({ error });
      }
    }
    return answers;
  }

  /**
   * Finishes works of one kind, all or none: the change, the release and the history in one commit. A compiled `:finish`
   * (or no change at all) is one statement and one round trip, and calls that differ in nothing but their works share
   * statements, so its change must do for each target what it does for one; a body is a transaction. With `claim` a
   * compiled `:claim` is made in the same commit, and once more by itself when that found nothing, for the finish may
   * have made something claimable; the change is compiled then, or none.
   *
   * LeaseLostError when one of them was taken over: its `signal` is aborted, the others are still held. A lost answer is
   * settled by the history; AmbiguousCommitError when the session ends before the database could be asked.
   */
  finish<T = void>(works: readonly Work[], change?: TransactionBody<T>): Promise<T>;
  finish(works: readonly Work[], change: BoundChange<'finish'>): Promise<void>;
  finish(
    works: readonly Work[],
    change: BoundChange<'finish'> | undefined,
    options: FinishOptions,
  ): Promise<Work[]>;
  async finish(
    works: readonly Work[],
    change?: TransactionBody<unknown> | BoundChange<'finish'>,
    options?: FinishOptions,
  ): Promise<unknown> {
    if (change !== undefined && typeof change !== 'function' && change?.command !== 'finish')
      throw invalidOption('change', 'expected a function, or a compiled :finish with its parameters');
    if (options) return this.#finishAndClaim(works, change, options);
    return this.#end(works, NOTHING, change);
  }

  /**
   * @internal The same with a body, which is proved to begin with and ends the works in the message of its COMMIT. Inside of
   * another transaction it is as `finish`, at that one's isolation.
   */
  finishLast<T>(
    works: readonly Work[],
    body: TransactionBody<T>,
    isolation: TransactOptions['isolation'],
  ): Promise<T> {
    return this.#end(works, NOTHING, body, { last: true, isolation }) as Promise<T>;
  }

  async #finishAndClaim(
    works: readonly Work[],
    change: TransactionBody<unknown> | BoundChange<'finish'> | undefined,
    { claim: next, wanted: count = 1 }: FinishOptions,
  ): Promise<Work[]> {
    this.#host.refuseInside('a finish that claims');
    const wanted = checkWanted(count);
    const { kind, query } = claimSource(next);
    if (!query) throw invalidOption('claim', 'expected a compiled :claim query');
    if (typeof change === 'function')
      throw invalidOption('change', 'with claim, it is a compiled :finish or nothing');
    if (works.length === 0) return this.claim(next, { wanted });
    this.#live.assertAlive();
    this.#checkKind(change, works);
    const batch = batchOf(
      this.id,
      works.map((work) => work[HELD]),
      'finished',
    );
    const names = { [KIND]: kind, [COMPONENT]: this.component, [WORK_WANTED]: wanted };
    const claimed = await inSpan(`finish and claim ${kind}`, names, async (span) => {
      const got = await this.#endings.endAndClaim(batch, change ?? plainFinish(batch.kind), query, wanted);
      span.set({ [WORK_CLAIMED]: got.length });
      return got.map((one) => this.#hold(kind, one));
    });
    if (claimed.length > 0) return claimed;
    // The finish stands: an error of this claim is not an error of it.
    return this.claim(next, { wanted }).catch(() => []);
  }

  /** `work.fail` for several of one kind, in one statement, all or none. */
  async fail(works: readonly Work[], cause: string, { backoff }: FailOptions = {}): Promise<void> {
    const checked = backoff === undefined ? undefined : checkOptions(backoffSchema, backoff);
    const periods = works.map((work) => nextBackoffSeconds(checked, work[HELD].backoffSeconds));
    await this.#end(works, {
      event: 'failed',
      cause: checkCause(cause),
      delaysMs: periods.map((seconds) => BigInt(backoffDelayMs(checked, seconds))),
      backoffs: periods.map(BigInt),
    });
  }

  /** `work.cancel` for several of one kind, in one statement, all or none; what has ended is left out. */
  async cancel(works: readonly Work[]): Promise<void> {
    await this.#end(
      works.filter((work) => !work.ended),
      { event: 'canceled', delaysMs: [], backoffs: [] },
    );
  }

  /** `work.park` for several of one kind, in one statement, all or none. */
  async park(works: readonly Work[], until?: ParkUntil): Promise<void> {
    const { delayMs, until: time } = checkUntil(until);
    await this.#end(works, {
      event: 'parked',
      delaysMs: works.map(() => delayMs),
      backoffs: [],
      until: time,
    });
  }

  /** `work.step` for several of one kind, in one statement, all or none. */
  async step(works: readonly Work[], change: BoundChange<'step'>): Promise<void> {
    this.#host.refuseInside('a step');
    if (change?.command !== 'step')
      throw invalidOption('change', 'expected a compiled :step with its parameters');
    this.#live.assertAlive();
    if (works.length === 0) return;
    this.#checkKind(change, works);
    const batch = batchOf(
      this.id,
      works.map((work) => work[HELD]),
      'finished',
    );
    const names = { [KIND]: batch.kind, [COMPONENT]: this.component };
    await inSpan(`step ${batch.kind}`, names, () => stepWorks(this.#ender, batch, change));
  }

  async #end(
    works: readonly Work[],
    ending: Ending,
    change?: TransactionBody<unknown> | BoundChange<'finish'>,
    how?: HowInTransaction,
  ): Promise<unknown> {
    if (works.length === 0) return typeof change === 'function' ? this.transact(change) : undefined;
    if (typeof change !== 'function') this.#checkKind(change, works);
    const isInside = await this.#host.isInside();
    this.#live.assertAlive();
    // Nothing is awaited from here until they begin to end, so that of two ends one is refused.
    const batch = batchOf(
      this.id,
      works.map((work) => work[HELD]),
      ending.event,
    );
    if (typeof change === 'object' && isInside) this.#host.refuseInside('a finish by query');
    const names = { [KIND]: batch.kind, [COMPONENT]: this.component };
    return inSpan(`${VERBS[ending.event]} ${batch.kind}`, names, async () => {
      if (typeof change === 'function')
        return endInTransaction(this.#ender, batch, ending, change, isInside ? undefined : how);
      if (isInside) return endInTransaction(this.#ender, batch, ending);
      const plain = ending.event === 'finished' ? plainFinish(batch.kind) : undefined;
      return this.#endings.end(batch, ending, change ?? plain);
    });
  }

  #hold(kind: string, claimed: Claimed): Work {
    const held = new HeldWork(this.id, kind, claimed);
    const work = new Work(this, held, claimed);
    const started = performance.now();
    held.onEnd = (result) => {
      this.#held.delete(work);
      work.release();
      this.#host.workEnded(this.#live, work, result, performance.now() - started);
    };
    this.#held.add(work);
    this.#host.workStarted(this.#live, work, claimed.takenFrom !== undefined);
    return work;
  }

  #checkKind(change: { readonly kind: string } | undefined, works: readonly Work[]): void {
    const other = change && works.find((work) => work.kind !== change.kind);
    if (other) throw invalidOption('works', `${other.kind} of ${other.target} is not for ${change.kind}`);
  }

  /**
   * Cancels what is held and deletes the session, so that others can go on at once. Does not wait for
   * transactions under way: they fail with SessionExpiredError. Throws what the database said if the rows cannot
   * be deleted; the session then ends by its deadline, for nothing beats for it any more. Each of the two is given up
   * after an interval, or five seconds where that is longer.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (!this.expired) {
      const canceling = [...this.#held].map((work) => work[Symbol.asyncDispose]());
      // Work that cannot be canceled is free all the same once the session's row is gone.
      await within(Math.max(this.intervalMs, LEAST_PATIENCE_MS), Promise.allSettled(canceling));
    }
    await this.#host.close(this.#live);
    this.#live.expire('it was closed');
  }
}

/** What one claim takes for several callers, at most. */
const MOST_SHARED = 1_000;
const VERBS = { finished: 'finish', failed: 'fail', canceled: 'cancel', parked: 'park' } as const;
