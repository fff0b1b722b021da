import { assertFunction, type LeaseLostError, SessionExpiredError } from '../base/index.ts';
import { holdWork, sealWork } from '../queries/work.ts';
import type { BoundChange } from '../query/index.ts';
import { seal, type Transaction, type TransactionBody, type TransactOptions } from '../transact/index.ts';
import { behind, leaseLostOf } from './ending.ts';
import type { HeldWork } from './held-work.ts';
import type { FailOptions, FinishOptions, ParkUntil } from './options.ts';
import { refusalIn } from './refusal.ts';
import type { Session } from './session.ts';
import type { Claimed } from './source.ts';

/** The handle's own state, for the rooms that end works. */
export const HELD: unique symbol = Symbol('held');

/**
 * Exclusive work on one target, held until it ends or its session dies. Ends exactly once: by `finish`, `fail`, `cancel`
 * or `park`; `await using` cancels what was none of them.
 *
 * Every write made through it proves its token in the same transaction. Once the work was taken over, each of
 * its methods throws LeaseLostError or SessionExpiredError and changes nothing. One that fails for another reason
 * leaves the work held: call it again, or another. After the end, or while one is under way, they throw
 * MisuseError. Made by `session.claim`; not to be shared between operating-system processes.
 */
export class Work {
  /** What is done to the target. */
  readonly kind: string;
  /** What it is done to, as the source named it. */
  readonly target: string;
  /** Fencing token: strictly increasing per (kind, target). Give it to systems outside the database. */
  readonly token: bigint;
  /** The dead session whose work this was, if it was taken over. */
  readonly takenFrom: string | undefined;
  /** How many times in a row it has ended without a finish: failed or abandoned. */
  readonly failures: number;
  /** @internal */
  readonly [HELD]: HeldWork;
  /** @internal */
  readonly session: Session;
  #abort: AbortController | undefined;
  #onExpire: (() => void) | undefined;
  #lost: LeaseLostError | undefined;

  /** @internal */
  constructor(session: Session, held: HeldWork, { takenFrom, failures }: Claimed) {
    this.session = session;
    this[HELD] = held;
    this.kind = held.kind;
    this.target = held.target;
    this.token = held.token;
    this.takenFrom = takenFrom;
    this.failures = failures;
    held.onLoss = (error) => this.#lose(error);
  }

  /** Aborts when the session expires or the work turns out to be lost: stop what you are doing. */
  get signal(): AbortSignal {
    // Made when it is asked for: most short work never looks at it.
    if (!this.#abort) {
      const { signal } = this.session;
      const abort = new AbortController();
      this.#abort = abort;
      if (this.#lost) abort.abort(this.#lost);
      else if (signal.aborted) abort.abort(signal.reason);
      else if (!this.ended) {
        this.#onExpire = () => abort.abort(signal.reason);
        signal.addEventListener('abort', this.#onExpire, { once: true });
      }
    }
    return this.#abort.signal;
  }

  /** The session that holds it. */
  get sessionId(): string {
    return this.session.id;
  }

  /** True once finish, fail, cancel or park has been carried out. */
  get ended(): boolean {
    return this[HELD].state === 'ended';
  }

  /**
   * A transaction in the middle of the work, committed only while the work is held: for progress that the next holder
   * builds on. Throws as `session.transact`, and LeaseLostError.
   */
  async transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T> {
    const held = this[HELD];
    assertFunction('body', body);
    held.assertHeld('transact');
    const { kind, target, token } = this;
    const proof = { kind, target, token, sessionId: this.session.id };
    const translate = (error: unknown) => (refusalIn(error) === 'lease-lost' ? leaseLostOf(held) : undefined);
    try {
      return await this.session.transact(
        (tx: Transaction, info) => {
          seal(tx, { owner: held, statement: sealWork.statement(proof), translate });
          const proved = holdWork(tx, proof).catch((error: unknown) => {
            throw translate(error) ?? error;
          });
          return behind(proved, () => body(tx, info));
        },
        { name: `${kind} checkpoint`, ...options },
      );
    } catch (error) {
      const lost = error as LeaseLostError;
      if (lost?.code === 'HOLDFAST_LEASE_LOST') held.lose(lost);
      throw error;
    }
  }

  /**
   * Makes the change of a compiled `:step` and keeps the work: one statement, one round trip, carried out only while the
   * work is held. Throws LeaseLostError or SessionExpiredError (taken over, nothing changed), AmbiguousCommitError when
   * its answer was lost, or DatabaseError.
   */
  step(change: BoundChange<'step'>): Promise<void> {
    return this.session.step([this], change);
  }

  /**
   * Commits the result and releases the work, all or nothing: runs `change` with it (the body of a transaction, or a
   * compiled `:finish` in one round trip), clears the backoff, writes the history. The change should be what makes the
   * target no candidate any more; a body runs once for each attempt and must have no effects outside of the database. A
   * commit whose answer was lost is settled by the history. Gives what the body returned.
   *
   * Throws LeaseLostError or SessionExpiredError (taken over), RetriesExhaustedError, or what the body threw: then
   * nothing was committed, and the work is still held unless it was taken over. Inside of another transaction it ends
   * with that one, and is held again when that one, or the part it is in, rolls back or is not known to have committed.
   */
  finish<T = void>(change?: TransactionBody<T>): Promise<T>;
  finish(change: BoundChange<'finish'>): Promise<void>;
  finish(change: BoundChange<'finish'> | undefined, options: FinishOptions): Promise<Work[]>;
  finish(
    change?: TransactionBody<unknown> | BoundChange<'finish'>,
    options?: FinishOptions,
  ): Promise<unknown> {
    return this.session.finish([this], change as BoundChange<'finish'>, options as FinishOptions);
  }

  /**
   * Releases the work and keeps everyone from this (kind, target) for a while, longer with each failure in a
   * row. `cause` is for operators and stays in the history: no secrets. Without a backoff: one second. Throws as
   * `finish`, and MisuseError for a backoff that cannot be.
   */
  fail(cause: string, options?: FailOptions): Promise<void> {
    return this.session.fail([this], cause, options);
  }

  /**
   * Releases the work as if it had not been tried: it is a candidate again at once, and a backoff goes on from
   * where it was. No-op when it has ended. Throws as `finish`.
   */
  async cancel(): Promise<void> {
    if (this.ended) return;
    await this.session.cancel([this]);
  }

  /**
   * Releases the work without a failure; nobody claims it before `until`, or, when not said, before it is woken by
   * `db.wake`. One that was woken since it was claimed is a candidate again at once. Throws as `finish`.
   */
  park(until?: ParkUntil): Promise<void> {
    return this.session.park([this], until);
  }

  /** Cancels unless ended. A lost or expired work needs no cancelling. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this[HELD].state !== 'held') return;
    try {
      await this.cancel();
    } catch (error) {
      const needless =
        (error as { code?: unknown }).code === 'HOLDFAST_LEASE_LOST' || error instanceof SessionExpiredError;
      if (!needless && !this.session.signal.aborted) throw error;
    }
  }

  /** @internal The session has no more use for it. */
  release(): void {
    if (this.#onExpire) this.session.signal.removeEventListener('abort', this.#onExpire);
  }

  #lose(error: LeaseLostError): void {
    this.#lost = error;
    this.#abort?.abort(error);
  }
}
