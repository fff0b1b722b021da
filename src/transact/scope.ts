import { NestedOptionsError } from '../errors/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import { inSpan, TRANSACTION_NESTED } from '../telemetry/index.ts';
import type { Attempt } from './attempt.ts';
import { classify } from './classify.ts';
import type { Fence } from './fence.ts';
import type { TransactOptions } from './options.ts';
import type { AttemptInfo, Transaction, TransactionBody } from './transaction.ts';

/** Runs a body with `scope` as the transaction that nested calls join. */
export type EnterScope = <T>(scope: Scope, body: () => Promise<T>) => Promise<T>;

/**
 * The handle that a callback gets, and what nested calls join. Nested parts of one scope take turns, since
 * savepoints nest and do not interleave.
 */
export class Scope implements Transaction {
  readonly signal: AbortSignal;
  readonly #attempt: Attempt;
  readonly #info: AttemptInfo;
  readonly #options: TransactOptions;
  readonly #enter: EnterScope;
  readonly #depth: number;
  #turn: Promise<unknown> = Promise.resolve();
  #parts = 0;

  constructor(
    attempt: Attempt,
    info: AttemptInfo,
    options: TransactOptions,
    signal: AbortSignal,
    enter: EnterScope,
    depth = 0,
  ) {
    this.#attempt = attempt;
    this.#info = info;
    this.#options = options;
    this.signal = signal;
    this.#enter = enter;
    this.#depth = depth;
  }

  get closed(): boolean {
    return this.#attempt.closed;
  }

  execute(statement: Statement): Promise<RawResult> {
    return this.#attempt.execute(statement);
  }

  onCommit(hook: () => void | Promise<void>): void {
    this.#attempt.onCommit(hook);
  }

  onRollback(hook: () => void | Promise<void>): void {
    this.#attempt.onRollback(hook);
  }

  transact<T>(body: TransactionBody<T>, options: TransactOptions = {}): Promise<T> {
    return this.join(body, options, undefined);
  }

  /** A nested transact: joins this transaction under a savepoint, with the nested session's fence if any. */
  join<T>(body: TransactionBody<T>, options: TransactOptions, fence: Fence | undefined): Promise<T> {
    refuseConflict(this.#options, options);
    const name = options.name ?? (body.name || 'transaction');
    const mine = this.#turn.then(() =>
      inSpan(name, { [TRANSACTION_NESTED]: true }, () => this.#nested(body, options, fence)),
    );
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #nested<T>(body: TransactionBody<T>, options: TransactOptions, fence: Fence | undefined): Promise<T> {
    const attempt = this.#attempt;
    const savepoint = `hf_${this.#depth}_${this.#parts++}`;
    const poisonBefore = attempt.poison;
    const merged = { ...this.#options, ...options };
    const scope = new Scope(attempt, this.#info, merged, this.signal, this.#enter, this.#depth + 1);
    try {
      void attempt.control(`SAVEPOINT ${savepoint}`).catch(() => {});
      if (fence) await attempt.addFence(fence);
      const value = await this.#enter(scope, async () => body(scope, this.#info));
      await attempt.drain();
      if (attempt.poison && attempt.poison !== poisonBefore) throw attempt.poison.error;
      await attempt.control(`RELEASE SAVEPOINT ${savepoint}`);
      return value;
    } catch (error) {
      const whole = attempt.poison && attempt.poison !== poisonBefore ? attempt.poison.error : error;
      if (classify(error) !== 'definite' || classify(whole) !== 'definite') {
        attempt.poisonWith(error);
        throw error;
      }
      await attempt.rollbackTo(savepoint, poisonBefore).catch((failure) => attempt.poisonWith(failure));
      throw error;
    }
  }
}

function refuseConflict(outer: TransactOptions, inner: TransactOptions): void {
  const isolation = outer.isolation ?? 'serializable';
  if (inner.isolation && inner.isolation !== isolation)
    throw new NestedOptionsError(`isolation "${inner.isolation}" inside a "${isolation}" transaction`);
  if (inner.readOnly === false && (outer.readOnly || outer.asOf))
    throw new NestedOptionsError('readOnly: false inside a read-only transaction');
  if (inner.asOf && inner.asOf !== outer.asOf)
    throw new NestedOptionsError('asOf inside a transaction that does not read at that time');
  if (inner.commitMarker && !outer.commitMarker)
    throw new NestedOptionsError('commitMarker belongs on the outermost transact');
}
