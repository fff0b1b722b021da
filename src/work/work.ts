import {
  AmbiguousCommitError,
  assertFunction,
  checkOptions,
  InvalidOptionError,
  isText,
  LeaseLostError,
  SessionExpiredError,
  WorkEndedError,
} from '../base/index.ts';
import { holdWork, releaseWork, sealWork, workEnding } from '../queries/work.ts';
import type { Executor } from '../query/index.ts';
import { raised } from '../sessions/index.ts';
import { COMPONENT, inSpan, KIND } from '../telemetry/index.ts';
import {
  isPart,
  onOutcome,
  seal,
  type Transaction,
  type TransactionBody,
  type TransactOptions,
  unseal,
} from '../transact/index.ts';
import { type Backoff, backoffDelayMs, backoffSchema, nextBackoffSeconds } from './backoff.ts';
import type { Claimed } from './claim.ts';
import { type GuardedExecutor, persistently } from './settle.ts';
import { allFinished, keysOf, LEASE_LOST, lostAmong, type Together } from './together.ts';

/** What a work handle needs of its session. */
export interface WorkSession {
  readonly id: string;
  readonly component: string;
  readonly signal: AbortSignal;
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
}

/** How a piece of work ended, as its history says it. */
export type WorkResult = 'finished' | 'failed' | 'canceled';

export interface WorkHooks {
  ended(work: Work, result: WorkResult): void;
}

const VERBS = { finished: 'finish', failed: 'fail', canceled: 'cancel' } as const;

/**
 * Exclusive work on one target, held until it ends or its session dies. Ends exactly once: by `finish`, `fail`
 * or `cancel`; `await using` cancels what was none of them.
 *
 * Every write made through it proves its token in the same transaction. Once the work was taken over, each of
 * its methods throws LeaseLostError or SessionExpiredError and changes nothing. One that fails for another reason
 * leaves the work held: call it again, or another. After the end, or while one is under way, they throw
 * WorkEndedError. Made by `session.work`, `workMany` and `claim`; not to be shared between processes.
 */
export class Work {
  /** Name of the process: what is done. */
  readonly kind: string;
  /** What it is done to, as the retrieval named it. */
  readonly target: string;
  /** Fencing token: strictly increasing per (kind, target). Give it to systems outside the database. */
  readonly token: bigint;
  /** The dead session whose work this was, if it was taken over. */
  readonly takenFrom: string | undefined;
  readonly #session: WorkSession;
  readonly #claimed: Claimed;
  readonly #hooks: WorkHooks;
  #abort: AbortController | undefined;
  #onExpire: (() => void) | undefined;
  #state: 'held' | 'ending' | 'ended' = 'held';
  #lost: LeaseLostError | undefined;

  constructor(session: WorkSession, kind: string, claimed: Claimed, hooks: WorkHooks) {
    this.#session = session;
    this.#claimed = claimed;
    this.#hooks = hooks;
    this.kind = kind;
    this.target = claimed.target;
    this.token = claimed.token;
    this.takenFrom = claimed.takenFrom;
  }

  /** Aborts when the session expires or the work turns out to be lost: stop what you are doing. */
  get signal(): AbortSignal {
    // Made when it is asked for: most short work never looks at it.
    if (!this.#abort) {
      const { signal } = this.#session;
      const abort = new AbortController();
      this.#abort = abort;
      if (this.#lost) abort.abort(this.#lost);
      else if (signal.aborted) abort.abort(signal.reason);
      else if (this.#state !== 'ended') {
        this.#onExpire = () => abort.abort(signal.reason);
        signal.addEventListener('abort', this.#onExpire, { once: true });
      }
    }
    return this.#abort.signal;
  }

  /** True once finish, fail or cancel has been carried out. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  /**
   * A transaction in the middle of the work, committed only while the work is held: for progress that whoever
   * takes over builds on. Throws as `session.transact`, and LeaseLostError.
   */
  async transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T> {
    assertFunction('body', body);
    this.#assertOpen('transact');
    const { kind, target, token } = this;
    const proof = { kind, target, token, sessionId: this.#session.id };
    try {
      return await this.#session.transact(
        (tx, info) => {
          seal(tx, { owner: this, statement: sealWork.statement(proof), translate: this.#translate });
          return together(this.#proof(holdWork(tx, proof)), () => body(tx, info));
        },
        { name: `${kind} checkpoint`, ...options },
      );
    } catch (error) {
      if (error instanceof LeaseLostError) this.#lose(error);
      throw error;
    }
  }

  /**
   * Commits the result and releases the work in one transaction: runs `body` in it, clears the backoff, writes
   * the history. `body` should change what makes the target a candidate; it runs once for each attempt and must
   * have no effects outside of the database. A commit whose answer was lost is settled by the history.
   *
   * Throws LeaseLostError or SessionExpiredError (taken over), RetriesExhaustedError, or what `body` threw: then
   * nothing was committed, and the work is still held unless it was taken over. Inside of another transaction it ends
   * with that one, and is held again when that one, or the part it is in, rolls back or is not known to have committed.
   */
  async finish<T = void>(body?: TransactionBody<T>): Promise<T> {
    if (body !== undefined) assertFunction('body', body);
    return this.#end('finished', { delayMs: 0n, backoffSeconds: null, cause: null }, body);
  }

  /**
   * Releases the work and keeps everyone from this (kind, target) for a while, longer with each failure in a
   * row. `cause` is for operators and stays in the history: no secrets. Without a backoff: one second. Throws as
   * `finish`, and InvalidOptionError for a backoff that cannot be.
   */
  async fail(backoff: Backoff | undefined, cause: string): Promise<void> {
    const checked = backoff === undefined ? undefined : checkOptions(backoffSchema, backoff);
    if (!isText(cause)) throw new InvalidOptionError('cause', 'expected a text, without zero bytes');
    const seconds = nextBackoffSeconds(checked as Backoff | undefined, this.#claimed.backoffSeconds);
    await this.#end('failed', {
      delayMs: BigInt(backoffDelayMs(checked as Backoff | undefined, seconds)),
      backoffSeconds: BigInt(seconds),
      cause,
    });
  }

  /**
   * Releases the work as if it had not been tried: it is a candidate again at once, and a backoff goes on from
   * where it was. No-op when it has ended. Throws as `finish`.
   */
  async cancel(): Promise<void> {
    if (this.#state === 'ended') return;
    await this.#end('canceled', { delayMs: 0n, backoffSeconds: null, cause: null });
  }

  /** Cancels unless ended. A lost or expired work needs no cancelling. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'held') return;
    try {
      await this.cancel();
    } catch (error) {
      const needless = error instanceof LeaseLostError || error instanceof SessionExpiredError;
      if (!needless && !this.#session.signal.aborted) throw error;
    }
  }

  async #end<T>(
    event: WorkResult,
    outcome: { delayMs: bigint; backoffSeconds: bigint | null; cause: string | null },
    body?: TransactionBody<T>,
  ): Promise<T> {
    this.#assertOpen(VERBS[event]);
    this.#state = 'ending';
    let value: T | undefined;
    let returned = false;
    try {
      const names = { [KIND]: this.kind, [COMPONENT]: this.#session.component };
      const run: TransactionBody<T> = async (tx, info) => {
        // Inside of an outer transaction it is that one's outcome which counts. One that is not known leaves the
        // work held, so that it can be ended again: then the history tells whether it was.
        onOutcome(tx, (outcome) => {
          if (outcome === 'committed') this.#ended(event);
          else if (returned) this.#reopen();
        });
        unseal(tx, this);
        const release = this.#proof(this.#release(tx, event, outcome));
        value = await together(release, async () => body?.(tx, info) as T);
        return value as T;
      };
      // Idempotent: if an earlier attempt was committed and its answer lost, the release of the next one says so.
      const options = { name: `${this.kind} ${event}`, idempotent: true };
      return await inSpan(`${VERBS[event]} ${this.kind}`, names, () => this.#session.transact(run, options));
    } catch (error) {
      if (error instanceof LeaseLostError || error instanceof AmbiguousCommitError) {
        const ending = await this.#ending();
        if (ending) this.#ended(ending);
        if (ending === event || (ending && event === 'canceled')) return value as T;
        if (ending) this.#assertOpen(VERBS[event]);
        if (error instanceof LeaseLostError) this.#lose(error);
      }
      // Still held unless it is lost: the caller may fail or cancel it.
      this.#reopen();
      throw error;
    } finally {
      returned = true;
    }
  }

  #reopen(): void {
    if (this.#state === 'ending') this.#state = 'held';
  }

  #ended(event: WorkResult): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    if (this.#onExpire) this.#session.signal.removeEventListener('abort', this.#onExpire);
    this.#hooks.ended(this, event);
  }

  /** How the history says that its own session has ended this very work. */
  async #ending(): Promise<WorkResult | undefined> {
    const { kind, target, token } = this;
    const key = { kind, target, token, sessionId: this.#session.id };
    try {
      const ending = await this.#session.transact((tx) => workEnding(tx, key), { readOnly: true });
      return ending?.event as WorkResult | undefined;
    } catch {
      return undefined;
    }
  }

  async #release(
    tx: Transaction,
    event: WorkResult,
    outcome: { delayMs: bigint; backoffSeconds: bigint | null; cause: string | null },
  ) {
    const { keys } = this.#claimed;
    await releaseWork(tx, {
      event,
      kind: this.kind,
      sessionId: this.#session.id,
      kinds: keys.map(({ kind }) => kind),
      targets: keys.map(({ target }) => target),
      tokens: keys.map(({ token }) => token),
      keys: BigInt(keys.length),
      ...outcome,
    });
  }

  /** Reads what the statement raised; what the body's own raise is not looked at, for a user's value may say the same. */
  async #proof(sent: Promise<unknown>): Promise<void> {
    try {
      await sent;
    } catch (error) {
      throw this.#translate(error) ?? error;
    }
  }

  readonly #translate = (error: unknown): Error | undefined =>
    raised(error, LEASE_LOST)
      ? new LeaseLostError(
          `${this.kind} of ${this.target} is no longer held with token ${this.token}: it has ended or was taken over`,
        )
      : undefined;

  #lose(error: LeaseLostError): void {
    this.#lost = error;
    this.#abort?.abort(error);
  }

  /**
   * Finishes several of one session and process by one act, all or none; `act` is given their keys. What the
   * database says was lost is told to the works that it is true of. `undefined` when an act was carried out whose
   * answer was lost. An act that is a transaction hands it to `follow`: it may be part of an outer one, whose outcome
   * then is that of the works.
   */
  static async finishTogether<T>(
    session: WorkSession,
    executor: GuardedExecutor,
    works: readonly Work[],
    act: (all: Together, follow: (tx: Transaction) => void) => Promise<T>,
  ): Promise<T | undefined> {
    for (const work of works) {
      work.#assertOpen('finish');
      if (work.#session.id !== session.id)
        throw new WorkEndedError(`finish: ${work.kind} of ${work.target} belongs to another session`);
    }
    if (works.length > 1 && new Set(works).size !== works.length)
      throw new WorkEndedError('finish: the same work is given twice');
    const claims = works.map((work) => ({
      work,
      kind: work.kind,
      target: work.target,
      keys: work.#claimed.keys,
    }));
    const all = keysOf(session.id, claims);
    const ended = () => {
      for (const work of works) work.#ended('finished');
    };
    let followed = false;
    let joined = false;
    let returned = false;
    const follow = (tx: Transaction) => {
      followed = true;
      joined = isPart(tx);
      for (const work of works) unseal(tx, work);
      onOutcome(tx, (outcome) => {
        if (outcome === 'committed') ended();
        else if (returned) for (const work of works) work.#reopen();
      });
    };
    for (const work of works) work.#state = 'ending';
    try {
      const value = await act(all, follow);
      if (!followed) ended();
      return value;
    } catch (thrown) {
      const lease = raised(thrown, LEASE_LOST);
      // Another connection would wait for the locks of the outer transaction, which waits here.
      const ask = <R>(question: (executor: Executor) => Promise<R>) =>
        joined
          ? session.transact(question, { readOnly: true })
          : persistently(
              executor,
              () => question(executor),
              () => thrown,
            );
      try {
        // An earlier try may have been carried out and its answer lost: then the history says so.
        const unsure = lease || thrown instanceof AmbiguousCommitError;
        if (unsure && (await ask((asked) => allFinished(asked, all.kind, all.keys)))) {
          ended();
          return undefined;
        }
        if (!lease) throw thrown;
        const { lost, error } = await ask((asked) => lostAmong(asked, session.id, claims));
        // The statement holds a user's SQL, in which a value that does not cast may have said the same.
        if (lost.length === 0) throw thrown;
        for (const { work } of lost) work.#lose(error);
        throw error;
      } finally {
        for (const work of works) work.#reopen();
      }
    } finally {
      returned = true;
    }
  }

  #assertOpen(action: string): void {
    if (this.#state !== 'held')
      throw new WorkEndedError(`${action}: ${this.kind} of ${this.target} has already ended`);
  }
}

/**
 * Starts the body without waiting for the proof, so that its first statement leaves in the same flight. The proof
 * raises on the server: what was sent behind it has no effect when it fails, and its failure is the one thrown.
 */
async function together<T>(proof: Promise<unknown>, body: () => Promise<T> | T): Promise<T> {
  proof.catch(() => {});
  const result = (async () => body())();
  result.catch(() => {});
  await proof;
  return result;
}
