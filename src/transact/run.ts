import type { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import {
  AmbiguousCommitError,
  CommittedWithSchemaErrorsError,
  ConnectError,
  ConnectionLostError,
  DatabaseError,
  DeadlineExceededError,
  errorChain,
  PoolTimeoutError,
  RetriesExhaustedError,
  TransactionRestartError,
  unlessAborted,
} from '../base/index.ts';
import {
  type DriverConnection,
  type Engine,
  isReadOnlyRefusal,
  Lease,
  type Pool,
} from '../database/index.ts';
import type { Statement } from '../query/index.ts';
import type { TransactionObserver } from '../telemetry/observer.ts';
import { Attempt, isInFailedTransaction } from './attempt.ts';
import { beginText, needsSeal, renewText, usesRestartSavepoint } from './begin.ts';
import { askMarker, markerStatement, type SettledMarkers } from './commit-marker.ts';
import { Contest, type Contests } from './contention.ts';
import { classify, type Ending, type Verdict } from './ending.ts';
import type { Fence } from './fence.ts';
import { DEFAULT_MAX_RETRIES, type TransactOptions } from './options.ts';
import { Scope } from './scope.ts';
import { Stop } from './stop.ts';
import type { AttemptInfo, TransactionBody } from './transaction.ts';
import { patienceOf } from './watch.ts';

/** What a transaction runs with besides its options. */
export interface TransactContext {
  readonly fence?: Fence | undefined;
  readonly component?: string | undefined;
  /** Aborts when the session expires. */
  readonly signal?: AbortSignal | undefined;
}

/** What the transactions of one handle share. */
export interface Shared {
  readonly pool: Pool;
  readonly engine: Engine;
  /** The scope that the running code is in. */
  readonly current: AsyncLocalStorage<Scope>;
  readonly settledMarkers: SettledMarkers;
  readonly contests: Contests;
}

/** What a transaction does: a callback, or statements that are known beforehand, whose answers are the value. */
export interface Task<T> {
  readonly body: TransactionBody<T>;
  readonly statements?: readonly Statement[] | undefined;
}

/**
 * One call of transact, after cockroach-go's ExecuteTx:
 *
 *     attempt ──▶ committed ──────────────────▶ value
 *        ▲   ├──▶ unknown ────────────────────▶ AmbiguousCommitError, unless it may be applied twice ─┐
 *        │   └──▶ rolled back ── for good ────▶ its error                                             │
 *        │             └──────── retry ──▶ (too often: RetriesExhaustedError) ────────────────────────┤
 *        └───────────────────────── pause ◀───────────────────────────────────────────────────────────┘
 */
export class Run<T> {
  readonly #shared: Shared;
  readonly #observer: TransactionObserver;
  readonly #name: string;
  readonly #task: Task<T>;
  readonly #options: TransactOptions;
  readonly #context: TransactContext;
  readonly #maxRetries: number;
  readonly #started = performance.now();
  readonly #deadline: number;
  readonly #stop: Stop;
  readonly #lease: Lease;
  readonly #contest: Contest;
  /** Failures of attempts, reported when another attempt follows. */
  readonly #failures: [attempt: number, error: unknown][] = [];
  #lastError: unknown;
  /** The restart savepoint has renewed the transaction for the next attempt. */
  #renewed = false;
  /** A statement of an earlier attempt was left unanswered. */
  #wasSilent = false;
  /** An earlier attempt may have been committed, and none has failed for good since. */
  #unknown: AmbiguousCommitError | undefined;

  constructor(
    shared: Shared,
    observer: TransactionObserver,
    name: string,
    task: Task<T>,
    options: TransactOptions,
    context: TransactContext,
  ) {
    this.#shared = shared;
    this.#observer = observer;
    this.#name = name;
    this.#task = task;
    this.#options = options;
    this.#context = context;
    this.#maxRetries = options.maxRetries ?? DEFAULT_MAX_RETRIES;
    this.#deadline = this.#started + (options.deadlineMs ?? Infinity);
    this.#lease = new Lease(shared.pool);
    const { deadlineMs, signal } = options;
    this.#stop = new Stop({ name, deadlineMs, signal, session: context.signal }, () =>
      this.#lease.connection?.destroy(
        new ConnectionLostError('the server did not answer after the transaction was stopped'),
      ),
    );
    this.#contest = new Contest(shared.contests, {
      kind: () => this.#kind,
      startedMs: this.#started,
      deadline: this.#deadline,
      signal: this.#stop.signal,
    });
  }

  async run(): Promise<T> {
    using _lease = this.#lease;
    using _stop = this.#stop;
    using _contest = this.#contest;
    try {
      return await this.#loop();
    } catch (error) {
      throw this.#unknown ?? error;
    }
  }

  async #loop(): Promise<T> {
    await this.#contest.begin();
    for (let number = 1; ; number++) {
      const ending = await this.#attempt(number);
      switch (ending.outcome) {
        case 'committed':
          if ('error' in ending) throw ending.error;
          this.#observer.end(number);
          return ending.value;
        case 'unknown':
          this.#unknown = ending.error;
          if (!ending.retry) throw ending.error;
          break;
        case 'rolled-back':
          if (ending.retry) break;
          if (!this.#stop.signal.aborted) this.#unknown = undefined;
          throw ending.error;
      }
      if (number > this.#maxRetries) {
        const elapsedMs = performance.now() - this.#started;
        throw new RetriesExhaustedError(this.#name, number, elapsedMs, ending.error);
      }
      this.#lastError = ending.error;
      this.#failures.push([number, ending.error]);
      if (ending.retry === 'conflict') this.#contest.lost();
      if (number > 1) await this.#contest.pause(number);
    }
  }

  /** One attempt. The connection is kept for the next one only if that follows at once. */
  async #attempt(number: number): Promise<Ending<T>> {
    this.#stop.signal.throwIfAborted();
    this.#context.fence?.assertAlive();
    let connection: DriverConnection;
    try {
      connection = await this.#connect();
    } catch (error) {
      // The first attempt throws at once; a server that was lost on the way may be back soon.
      if (number === 1 || number > this.#maxRetries || !isPassing(error)) throw error;
      return { outcome: 'rolled-back', error, retry: 'connection' };
    }
    for (const failure of this.#failures.splice(0)) this.#observer.retry(...failure);
    this.#observer.attempt(number, connection);
    const marker = this.#options.commitMarker ? randomUUID() : undefined;
    const attempt = this.#begin(connection, marker);
    const ending = await this.#elsewhere(await this.#carryOut(attempt, number, marker), attempt, connection);
    // A hook may want a connection, and take its time: it gets neither from this transaction.
    const atOnce = number === 1 && this.#maxRetries > 0 && 'retry' in ending && ending.retry === 'conflict';
    const kept = this.#renewed || (atOnce && attempt.idle && !attempt.hooks.awaitRollback);
    if (!kept) this.#giveBack(attempt, !needsAnother(ending));
    await attempt.settle(ending.outcome);
    return ending;
  }

  /** What a host refused because it takes no writes any more is done on another one. */
  async #elsewhere(ending: Ending<T>, attempt: Attempt, connection: DriverConnection): Promise<Ending<T>> {
    const { readOnly, asOf } = this.#options;
    if (ending.outcome !== 'rolled-back' || ending.retry || readOnly || asOf) return ending;
    if (!attempt.idle || this.#stop.signal.aborted) return ending;
    const refusal = [...errorChain(ending.error), ...errorChain(attempt.failure?.error)].find(
      isReadOnlyRefusal,
    );
    const isLeft = refusal !== undefined && (await this.#shared.pool.leaveIfReadOnly(connection, refusal));
    return isLeft ? { ...ending, retry: 'connection' } : ending;
  }

  #giveBack(attempt: Attempt, reusable: boolean): void {
    if (attempt.silence) this.#lease.giveBackSilent();
    else this.#lease.giveBack(reusable && attempt.idle);
  }

  async #connect(): Promise<DriverConnection> {
    try {
      return await this.#lease.take({ signal: this.#stop.signal, deadline: this.#deadline });
    } catch (error) {
      if (error !== this.#stop.signal.reason || !this.#stop.byDeadline) throw error;
      throw new PoolTimeoutError(`no connection became free before the deadline of ${this.#name}`, {
        cause: error,
      });
    }
  }

  /** Sends BEGIN and the fence. */
  #begin(connection: DriverConnection, markerId: string | undefined): Attempt {
    const { engine } = this.#shared;
    const { fence } = this.#context;
    const { statements } = this.#task;
    // Statements that leave together with their COMMIT cannot be renewed, and never wait for the client.
    const restartSavepoint = !statements && usesRestartSavepoint(engine, this.#options);
    const limits = {
      remainingMs: this.#deadline === Infinity ? undefined : this.#deadline - performance.now(),
      idleTimeoutMs: statements ? undefined : fence?.idleTimeoutMs,
    };
    const attempt = new Attempt(
      connection,
      {
        engine,
        beginText: beginText(engine, this.#options, { ...limits, restartSavepoint }),
        renewText: renewText(engine, limits),
        restartSavepoint,
        sealFences: needsSeal(engine, this.#options),
        allowDdl: this.#options.allowDdl ?? false,
        readOnly: Boolean(this.#options.readOnly || this.#options.asOf),
        stale: this.#options.asOf !== undefined,
        marker: markerId === undefined ? undefined : markerStatement(markerId),
        patience:
          fence?.idleTimeoutMs === undefined
            ? undefined
            : patienceOf(fence.idleTimeoutMs, this.#options.deadlineMs),
      },
      this.#observer,
    );
    attempt.open(fence, this.#renewed);
    this.#renewed = false;
    return attempt;
  }

  /** Runs the callback, then commits or rolls back. Makes the attempt's ending. */
  async #carryOut(attempt: Attempt, number: number, markerId: string | undefined): Promise<Ending<T>> {
    let answer: Promise<T>;
    try {
      ({ answer } = await this.#perform(attempt, { attempt: number, lastError: this.#lastError }));
      attempt.throwIfFailed();
      this.#stop.signal.throwIfAborted();
      attempt.assertAlive();
    } catch (thrown) {
      return this.#abandon(attempt, number, thrown, markerId);
    }
    this.#stop.committing = true;
    const said = await attempt.commit();
    this.#stop.committing = false;
    if (attempt.ranOutside) return unknown(attempt.ranOutside);
    if (said.outcome === 'unknown') return this.#resolve(attempt, said.error, markerId, answer);
    if (said.outcome === 'rolled-back') return this.#rolledBack(said.error, classify(said.error), attempt);
    if (markerId !== undefined) this.#shared.settledMarkers.add(markerId);
    return { outcome: 'committed', value: await answer };
  }

  /** Gives a promise of the value, which of statements that are known beforehand comes with the commit's answer. */
  async #perform(attempt: Attempt, info: AttemptInfo): Promise<{ readonly answer: Promise<T> }> {
    const { statements, body } = this.#task;
    if (statements) {
      attempt.check(statements);
      // The value is the answers, whatever T is called here.
      const answer = attempt.executeAll(statements) as Promise<T>;
      answer.catch(() => {});
      return { answer };
    }
    const { signal } = this.#stop;
    const { current } = this.#shared;
    const scope = new Scope({ attempt, info, signal, current }, this.#options);
    const value = await unlessAborted(
      signal,
      current.run(scope, async () => {
        const given = await body(scope, info);
        await scope.end();
        return given;
      }),
    );
    await attempt.opened();
    return { answer: Promise.resolve(value) };
  }

  /** Something failed before the COMMIT was sent: rolls back, or renews the transaction for the next attempt. */
  async #abandon(
    attempt: Attempt,
    number: number,
    thrown: unknown,
    markerId: string | undefined,
  ): Promise<Ending<T>> {
    attempt.giveUp();
    const { error, verdict } = this.#blame(attempt, thrown);
    const canceled = this.#stop.signal.aborted;
    if (canceled) await attempt.cancel();
    if (attempt.ranOutside) return unknown(attempt.ranOutside);
    if (verdict === 'ambiguous') return this.#resolve(attempt, error, markerId);
    const ending = this.#rolledBack(error, verdict, attempt);
    if (canceled || needsAnother(ending)) await attempt.drain();
    else if (this.#renews(ending, number, attempt)) return this.#renew(attempt, ending);
    else await attempt.rollback();
    return ending;
  }

  /** Which of several errors counts: the abort, then what the database said first, then the callback's. */
  #blame(attempt: Attempt, thrown: unknown): { readonly error: unknown; readonly verdict: Verdict } {
    const { aborted, reason } = this.#stop.signal;
    if (aborted) return { error: reason, verdict: 'definite' };
    const first = attempt.failure?.error;
    if (first !== undefined && first !== thrown) {
      const verdict = classify(first);
      // 25P02 says only that something failed before.
      if (verdict !== 'definite' || isInFailedTransaction(thrown)) return { error: first, verdict };
    }
    return { error: thrown, verdict: classify(thrown) };
  }

  /** The ending of an attempt that is known not to be committed: what stopped it counts, if anything did. */
  #rolledBack(error: unknown, verdict: Verdict, attempt?: Attempt): Ending<T> {
    if (verdict === 'schema-committed') {
      const message = 'the transaction is committed, but a schema change in it failed';
      return { outcome: 'committed', error: new CommittedWithSchemaErrorsError(message, { cause: error }) };
    }
    // The server keeps the deadline too, and may end the transaction before the timer here fires.
    if (isCanceled(error) && performance.now() >= this.#deadline) this.#stop.expire();
    const { aborted, reason } = this.#stop.signal;
    if (aborted) {
      if (reason instanceof DeadlineExceededError && reason !== error) reason.cause ??= error;
      return { outcome: 'rolled-back', error: reason, retry: undefined };
    }
    // A statement that takes longer than its server is given would do so each time.
    const tooSlow = attempt?.silence === 'statement' && this.#wasSilent;
    if (attempt?.silence === 'statement') this.#wasSilent = true;
    if (verdict === 'definite' || tooSlow) return { outcome: 'rolled-back', error, retry: undefined };
    return { outcome: 'rolled-back', error, retry: verdict === 'retry' ? 'conflict' : 'connection' };
  }

  #renews(ending: Ending<T>, number: number, attempt: Attempt): boolean {
    return (
      ending.outcome === 'rolled-back' &&
      ending.retry === 'conflict' &&
      number === 1 &&
      this.#maxRetries > 0 &&
      !this.#lease.connection?.closed &&
      !attempt.hooks.awaitRollback &&
      usesRestartSavepoint(this.#shared.engine, this.#options)
    );
  }

  /** Renews the transaction in place, by its restart savepoint (CockroachDB). */
  async #renew(attempt: Attempt, ending: Ending<T>): Promise<Ending<T>> {
    try {
      await attempt.renew();
      this.#renewed = true;
      return ending;
    } catch (failure) {
      if (ending.outcome !== 'rolled-back') throw failure;
      if (classify(failure) === 'connection') return { ...ending, retry: 'connection' };
      const error = new TransactionRestartError(ending.error, failure);
      return { outcome: 'rolled-back', error, retry: undefined };
    }
  }

  /** The answer to the COMMIT was lost or does not say: asks the marker, if there is one. */
  async #resolve(
    attempt: Attempt,
    error: unknown,
    markerId: string | undefined,
    answer?: Promise<T>,
  ): Promise<Ending<T>> {
    const { pool, engine } = this.#shared;
    // The marker needs a connection, of which there may be one alone.
    this.#giveBack(attempt, false);
    const patience = { deadline: this.#deadline, session: this.#context.signal };
    const applied = markerId === undefined ? undefined : await askMarker(pool, engine, markerId, patience);
    if (applied === false) return this.#rolledBack(error, classify(error));
    if (applied) {
      try {
        return { outcome: 'committed', value: await answer! };
      } catch (cause) {
        const lost = `${this.#name} is committed, but the answers of its statements were lost`;
        return { outcome: 'committed', error: new AmbiguousCommitError(lost, { cause }) };
      }
    }
    const message =
      `the commit of ${this.#name} was sent and its answer was lost or does not tell: it may or may not have been applied` +
      (markerId === undefined ? '' : '; its marker could not be read before the deadline');
    const retry = Boolean(this.#options.idempotent) && !isCanceled(error) && !this.#stop.signal.aborted;
    return unknown(new AmbiguousCommitError(message, { cause: error }), retry);
  }

  /** What it competes with: transactions of its name, or of its callback if it has none. */
  get #kind(): string {
    return this.#task.statements || this.#options.name || this.#task.body.name
      ? this.#name
      : String(this.#task.body);
  }
}

const unknown = (error: AmbiguousCommitError, retry = false) =>
  ({ outcome: 'unknown', error, retry }) as const;

/** The connection is lost, is cut off from its cluster, or has a statement prepared that no longer fits the schema. */
const needsAnother = <T>(ending: Ending<T>): boolean =>
  ending.outcome === 'unknown' || (ending.outcome === 'rolled-back' && ending.retry === 'connection');

const isCanceled = (error: unknown) => error instanceof DatabaseError && error.code === '57014';

/** The server is restarting, or nearly. */
const isPassing = (error: unknown) =>
  error instanceof ConnectError && ['refused', 'unavailable', 'timeout', 'wrong-role'].includes(error.reason);
