import type { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import {
  AmbiguousCommitError,
  CommittedWithSchemaErrorsError,
  ConnectError,
  ConnectionLostError,
  DatabaseError,
  DeadlineExceededError,
  PoolTimeoutError,
  RetriesExhaustedError,
  TransactionRestartError,
  unlessAborted,
} from '../base/index.ts';
import type { DriverConnection, Engine, Pool } from '../database/index.ts';
import type { Statement } from '../query/index.ts';
import type { TransactionObserver } from '../telemetry/observer.ts';
import { Attempt, isInFailedTransaction } from './attempt.ts';
import { beginText, needsSeal, renewText, usesRestartSavepoint } from './begin.ts';
import { classify, type Verdict } from './classify.ts';
import { askMarker, markerStatement } from './commit-marker.ts';
import { Contest } from './contest.ts';
import type { Elders } from './elders.ts';
import type { Fence } from './fence.ts';
import { DEFAULT_MAX_RETRIES, type TransactOptions } from './options.ts';
import { Scope } from './scope.ts';
import type { SettledMarkers } from './settled-markers.ts';
import { Stop } from './stop.ts';
import type { AttemptInfo, TransactionBody } from './transaction.ts';

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
  /** The scope that the code which runs is in. */
  readonly current: AsyncLocalStorage<Scope>;
  readonly settled: SettledMarkers;
  readonly elders: Elders;
}
/** What a transaction does: a callback, or statements that are known beforehand, whose answers are the value. */
export interface Task<T> {
  readonly body: TransactionBody<T>;
  readonly statements?: readonly Statement[] | undefined;
}

/** One call of transact. */
export class Run<T> {
  readonly #shared: Shared;
  readonly #observer: TransactionObserver;
  readonly #name: string;
  readonly #task: Task<T>;
  readonly #options: TransactOptions;
  readonly #context: TransactContext;
  readonly #started = performance.now();
  readonly #deadline: number;
  readonly #stop: Stop;
  #connection: DriverConnection | undefined;
  readonly #contest: Contest;
  /** An earlier attempt of an idempotent transaction may have been committed, and nothing definite came since. */
  #unsettled: AmbiguousCommitError | undefined;

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
    this.#deadline = this.#started + (options.deadlineMs ?? Infinity);
    const { deadlineMs, signal } = options;
    this.#stop = new Stop({ name, deadlineMs, signal, session: context.signal }, () =>
      this.#connection?.destroy(
        new ConnectionLostError('the server did not answer after the transaction was stopped'),
      ),
    );
    this.#contest = new Contest(shared.elders, {
      kind: () => this.#kind,
      startedMs: this.#started,
      deadline: this.#deadline,
      signal: this.#stop.signal,
    });
  }

  async run(): Promise<T> {
    try {
      return await this.#loop();
    } catch (error) {
      throw this.#unsettled ?? error;
    } finally {
      this.#stop.dispose();
      this.#contest.end();
      if (this.#connection) this.#shared.pool.discard(this.#connection);
    }
  }

  async #loop(): Promise<T> {
    const maxRetries = this.#options.maxRetries ?? DEFAULT_MAX_RETRIES;
    let renewed = false;
    let lastError: unknown;
    // Told when another attempt follows, which a deadline or a signal may keep from happening.
    const failures: [attempt: number, error: unknown][] = [];
    for (let number = 1; ; number++) {
      this.#stop.signal.throwIfAborted();
      this.#context.fence?.assertAlive();
      if (number === 1) await this.#contest.begin();
      try {
        this.#connection ??= await this.#acquire();
      } catch (error) {
        // The first attempt tells at once; a server that was lost on the way may be back soon.
        if (number === 1 || number > maxRetries || !isPassing(error)) throw error;
        failures.push([number, error]);
        lastError = error;
        await this.#pause(number);
        continue;
      }
      for (const failure of failures.splice(0)) this.#observer.retry(...failure);
      this.#observer.attempt(number, this.#connection);
      const outcome = await this.#attempt(this.#connection, number, lastError, renewed);
      renewed = false;
      if (outcome.kind === 'committed') {
        this.#observer.end('committed', number);
        return outcome.value;
      }
      const { attempt } = outcome;
      if (outcome.kind === 'ambiguous') {
        this.#observer.end('ambiguous', number, outcome.error);
        throw outcome.error;
      }
      const error = this.#stopped(outcome.error);
      const unsettled = this.#unsettled !== undefined && this.#unsettled.cause === outcome.error;
      const verdict = this.#verdict(error, unsettled);
      const fatal = verdict === 'definite' || verdict === 'schema-committed';
      if (fatal || number > maxRetries) {
        if (fatal && !unsettled && !this.#stop.signal.aborted) this.#unsettled = undefined;
        if (outcome.open) await this.#leave(attempt);
        if (!unsettled) await attempt.runHooks(verdict === 'schema-committed' ? 'commit' : 'rollback');
        const thrown = fatal
          ? verdict === 'schema-committed'
            ? new CommittedWithSchemaErrorsError(
                'the transaction is committed, but a schema change in it failed',
                { cause: error },
              )
            : error
          : new RetriesExhaustedError(this.#name, number, performance.now() - this.#started, error);
        this.#observer.end(this.#unsettled ? 'ambiguous' : 'failed', number, this.#unsettled ?? thrown);
        throw thrown;
      }
      failures.push([number, error]);
      if (verdict === 'retry') this.#contest.lost();
      try {
        renewed = await this.#prepareRetry(attempt, number, verdict, outcome.open, error);
      } finally {
        // A hook may want a connection, and whatever time: it gets neither from an open transaction.
        if (attempt.hooks.awaitRollback && this.#connection) this.#return(this.#connection, true);
        await attempt.runHooks('rollback');
      }
      lastError = error;
      if (!renewed) await this.#pause(number);
    }
  }

  async #acquire(): Promise<DriverConnection> {
    try {
      return await this.#shared.pool.acquire({ signal: this.#stop.signal, deadline: this.#deadline });
    } catch (error) {
      if (error !== this.#stop.signal.reason || !this.#stop.byDeadline) throw error;
      throw new PoolTimeoutError(`no connection became free before the deadline of ${this.#name}`, {
        cause: error,
      });
    }
  }

  /** Runs the callback once and, if nothing failed, the commit flight. */
  async #attempt(
    connection: DriverConnection,
    number: number,
    lastError: unknown,
    renewed: boolean,
  ): Promise<AttemptOutcome<T>> {
    const { statements } = this.#task;
    // In one flight nothing can be renewed: the COMMIT is on its way.
    const restartSavepoint = !statements && usesRestartSavepoint(this.#shared.engine, this.#options);
    const markerId = this.#options.commitMarker ? randomUUID() : undefined;
    const readOnly = Boolean(this.#options.readOnly || this.#options.asOf);
    const limits = {
      remainingMs: this.#deadline === Infinity ? undefined : this.#deadline - performance.now(),
      // One flight never waits for the client.
      idleTimeoutMs: statements ? undefined : this.#context.fence?.idleTimeoutMs,
    };
    const attempt = new Attempt(
      connection,
      {
        beginText: beginText(this.#shared.engine, this.#options, { ...limits, restartSavepoint }),
        renewText: renewText(this.#shared.engine, limits),
        restartSavepoint,
        sealFences: needsSeal(this.#shared.engine, this.#options),
        engine: this.#shared.engine,
        allowDdl: this.#options.allowDdl ?? false,
        readOnly,
        stale: this.#options.asOf !== undefined,
        marker: markerId === undefined ? undefined : markerStatement(markerId),
      },
      this.#observer,
    );
    attempt.open(this.#context.fence, renewed);
    let value: Promise<T> | T;
    try {
      if (statements) {
        // Its value is the answers, whatever T is called here.
        attempt.check(statements);
        value = attempt.executeAll(statements) as Promise<T>;
        value.catch(() => {});
      } else {
        value = await this.#callBody(attempt, { attempt: number, lastError });
        await attempt.opened();
      }
      attempt.throwIfPoisoned();
      this.#stop.signal.throwIfAborted();
      attempt.assertAlive();
    } catch (thrown) {
      attempt.close('failed');
      const error = this.#decide(attempt, thrown);
      if (this.#stop.signal.aborted) await this.#cancel(attempt, connection);
      if (attempt.strayed) return this.#strayed(attempt, connection, attempt.strayed);
      if (classify(error) !== 'ambiguous') return { kind: 'failed', error, attempt, open: true };
      this.#return(connection, false);
      return this.#resolve(attempt, error, markerId, undefined as T);
    }
    attempt.close();
    this.#stop.committing = true;
    const outcome = await attempt.commit();
    this.#stop.committing = false;
    if (attempt.strayed) return this.#strayed(attempt, connection, attempt.strayed);
    if (outcome.kind === 'committed') {
      this.#return(connection, outcome.connectionIdle);
      if (markerId !== undefined) this.#shared.settled.add(markerId);
      await attempt.runHooks('commit');
      return { kind: 'committed', value: await value };
    }
    if (outcome.kind === 'not-committed') {
      // A stale plan is healed by another connection.
      this.#return(connection, outcome.connectionIdle && classify(outcome.error) !== 'stale-plan');
      return { kind: 'failed', error: outcome.error, attempt, open: false };
    }
    this.#return(connection, false);
    return this.#resolve(attempt, outcome.error, markerId, value);
  }

  #callBody(attempt: Attempt, info: AttemptInfo): Promise<T> {
    const { signal } = this.#stop;
    const current = {
      run: <R>(scope: Scope, body: () => Promise<R>) => this.#shared.current.run(scope, body),
      get: () => this.#shared.current.getStore(),
    };
    const scope = new Scope({ attempt, info, signal, current }, this.#options);
    return unlessAborted(
      signal,
      current.run(scope, async () => {
        const value = await this.#task.body(scope, info);
        await scope.end();
        return value;
      }),
    );
  }

  /** What a transaction that is known not to be committed fails with: what stopped it, if anything did. */
  #stopped(error: unknown): unknown {
    // The server keeps the deadline too, and may say so before the timer here fires.
    if (isCanceled(error) && performance.now() >= this.#deadline) this.#stop.expire();
    const { aborted, reason } = this.#stop.signal;
    if (!aborted || error === reason || classify(error) === 'schema-committed') return error;
    if (reason instanceof DeadlineExceededError) reason.cause ??= error;
    return reason;
  }

  /** Of an idempotent one whose outcome is hidden, all but a cancel is a reason to run again. */
  #verdict(error: unknown, unsettled: boolean): Verdict {
    if (error === this.#stop.signal.reason) return 'definite';
    return unsettled && !isCanceled(error) ? 'ambiguous' : classify(error);
  }

  /** Which of several errors tells the truth: the abort, then what the database said first, then the callback's. */
  #decide(attempt: Attempt, thrown: unknown): unknown {
    if (this.#stop.signal.aborted) return this.#stop.signal.reason;
    const poison = attempt.poison?.error;
    if (poison === undefined || poison === thrown) return thrown;
    // It only tells that something failed before.
    if (isInFailedTransaction(thrown)) return poison;
    return classify(poison) !== 'definite' ? poison : thrown;
  }

  async #strayed(
    attempt: Attempt,
    connection: DriverConnection,
    error: AmbiguousCommitError,
  ): Promise<AttemptOutcome<T>> {
    if (this.#connection) this.#return(connection, false);
    await attempt.runHooks('unknown');
    return { kind: 'ambiguous', attempt, error };
  }

  /**
   * Cancels what runs on the server, waits for it to settle; the connection is not used again. Not before BEGIN was
   * answered: a cancel that strikes it would leave the statements behind it to run on their own.
   */
  async #cancel(attempt: Attempt, connection: DriverConnection): Promise<void> {
    const death = new Promise<void>((resolve) => connection.onDeath(() => resolve()));
    await Promise.race([attempt.opened().catch(() => {}), death]);
    await Promise.race([connection.cancel(), death]);
    await attempt.drain();
    await attempt.rollback();
    this.#return(connection, false);
  }

  async #leave(attempt: Attempt): Promise<void> {
    const connection = this.#connection;
    if (connection) this.#return(connection, await attempt.rollback());
  }

  #return(connection: DriverConnection, idle: boolean): void {
    this.#connection = undefined;
    if (idle) this.#shared.pool.release(connection);
    else this.#shared.pool.discard(connection);
  }

  /** Gets ready for the next attempt; true when the transaction was renewed in place. */
  async #prepareRetry(
    attempt: Attempt,
    number: number,
    verdict: string,
    open: boolean,
    error: unknown,
  ): Promise<boolean> {
    const connection = this.#connection;
    if (!open || !connection) return false;
    if (verdict === 'connection' || verdict === 'stale-plan' || connection.dead) {
      // Closing a connection deallocates its statements; it is the surest way to heal a stale plan.
      await attempt.drain();
      this.#return(connection, false);
      return false;
    }
    const inPlace = number === 1 && !attempt.hooks.awaitRollback;
    if (inPlace && usesRestartSavepoint(this.#shared.engine, this.#options)) {
      try {
        await attempt.restart();
        return true;
      } catch (failure) {
        this.#return(connection, false);
        if (classify(failure) === 'connection') return false;
        throw new TransactionRestartError(error, failure);
      }
    }
    if (!(await attempt.rollback())) this.#return(connection, false);
    return false;
  }

  async #pause(retry: number): Promise<void> {
    if (retry === 1) return;
    const connection = this.#connection;
    // A pause is no reason to keep others from a connection.
    if (connection) this.#return(connection, true);
    await this.#contest.pause(retry);
  }

  /** What it competes with: transactions of its name, or of its callback if it has none. */
  get #kind(): string {
    return this.#task.statements || this.#options.name || this.#task.body.name
      ? this.#name
      : String(this.#task.body);
  }

  /** Asks what became of it, if there is somebody to ask. */
  async #resolve(
    attempt: Attempt,
    error: unknown,
    markerId: string | undefined,
    value: Promise<T> | T,
  ): Promise<AttemptOutcome<T>> {
    const applied = markerId === undefined ? undefined : await this.#askMarker(markerId);
    if (applied === false) return { kind: 'failed', error, attempt, open: false };
    if (applied) {
      await attempt.runHooks('commit');
      return answered(attempt, this.#name, value);
    }
    await attempt.runHooks('unknown');
    const ambiguous = new AmbiguousCommitError(
      `the commit of ${this.#name} was sent and its answer was lost or does not tell: it may or may not have been applied` +
        (markerId === undefined ? '' : '; its marker could not be read before the deadline'),
      { cause: error },
    );
    if (!this.#options.idempotent) return { kind: 'ambiguous', attempt, error: ambiguous };
    this.#unsettled = ambiguous;
    return { kind: 'failed', error, attempt, open: false };
  }

  #askMarker(markerId: string): Promise<boolean | undefined> {
    const { pool, engine } = this.#shared;
    const patience = { deadline: this.#deadline, session: this.#context.signal };
    return askMarker(pool, engine, markerId, patience);
  }
}

/** A transaction that is known to be committed; of one flight the answers may have been lost with the commit's. */
async function answered<T>(
  attempt: Attempt,
  name: string,
  value: Promise<T> | T,
): Promise<AttemptOutcome<T>> {
  try {
    return { kind: 'committed', value: await value };
  } catch (cause) {
    const lost = `${name} is committed, but the answers of its statements were lost`;
    return { kind: 'ambiguous', attempt, error: new AmbiguousCommitError(lost, { cause }) };
  }
}

const isCanceled = (error: unknown) => error instanceof DatabaseError && error.code === '57014';

/** The server is restarting, or nearly. */
const isPassing = (error: unknown) =>
  error instanceof ConnectError && ['refused', 'unavailable', 'timeout'].includes(error.reason);

type AttemptOutcome<T> =
  | { readonly kind: 'committed'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown; readonly attempt: Attempt; readonly open: boolean }
  | { readonly kind: 'ambiguous'; readonly error: unknown; readonly attempt: Attempt };
