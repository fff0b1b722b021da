import { assertFunction, checkOptions, MisuseError } from '../base/index.ts';
import {
  type BatchResults,
  type BoundQuery,
  type RawResult,
  runBatch,
  type Statement,
} from '../query/index.ts';
import { promised, remember, rememberedIf } from '../query/remembered.ts';
import { inSpan, TRANSACTION_NESTED } from '../telemetry/index.ts';
import { announcement, checkTopic } from '../topics/index.ts';
import type { Attempt } from './attempt.ts';
import { classify } from './ending.ts';
import type { Fence, Seal } from './fence.ts';
import type { Hook, Outcome } from './hooks.ts';
import { type TransactOptions, transactOptionsSchema } from './options.ts';
import { limitPart } from './stop.ts';
import type { AttemptInfo, Transaction, TransactionBody } from './transaction.ts';

/** What every scope of one attempt shares. */
export interface ScopeContext {
  readonly attempt: Attempt;
  readonly info: AttemptInfo;
  readonly signal: AbortSignal;
  /** The scope that the running code is in. */
  readonly current: {
    run<T>(scope: Scope, body: () => Promise<T>): Promise<T>;
    getStore(): Scope | undefined;
  };
}

/**
 * The handle that a callback gets: the whole transaction, or a nested one under a savepoint.
 *
 *     open ── the callback has settled ──▶ ended ── a nested one failed alone ──▶ undone
 *
 * Nested transactions of one scope take turns, since savepoints nest and do not interleave. A statement that the
 * scope's own handle sends while a nested one is under way waits for it: it would be lost with that one's savepoint.
 */
export class Scope implements Transaction {
  readonly signal: AbortSignal;
  readonly #context: ScopeContext;
  readonly #options: TransactOptions;
  readonly #parent: Scope | undefined;
  readonly #depth: number;
  readonly #turns = new Turns();
  /** The nested transaction that is under way. */
  #nested: Scope | undefined;
  readonly #announced = new Set<string>();
  #savepoints = 0;
  #ended = false;
  /** Set when this one alone was rolled back; resolves when its hooks have run. */
  #undone: Promise<void> | undefined;

  constructor(context: ScopeContext, options: TransactOptions, parent?: Scope, signal?: AbortSignal) {
    this.#context = context;
    this.#options = options;
    this.#parent = parent;
    this.signal = signal ?? context.signal;
    this.#depth = parent ? parent.#depth + 1 : 0;
  }

  get closed(): boolean {
    return this.#ended || this.#context.attempt.closed;
  }

  /** What was done in it is known to be committed. */
  get committed(): boolean {
    return this.#context.attempt.committed && !this.#isUndone;
  }

  /** Resolves when its outcome is known, while its commit is under way. */
  get deciding(): Promise<void> | undefined {
    return this.#context.attempt.deciding;
  }

  /** It is nested in another transaction. */
  get isNested(): boolean {
    return this.#parent !== undefined;
  }

  /** The transaction proves this already. */
  has(fence: Fence): boolean {
    return this.#context.attempt.has(fence);
  }

  execute(statement: Statement): Promise<RawResult> {
    return this.#send((attempt) => attempt.execute(statement));
  }

  batch<const Q extends readonly BoundQuery<unknown>[]>(queries: Q): Promise<BatchResults<Q>> {
    return runBatch(queries, (statements) => this.executeAll(statements));
  }

  /** Several statements in one message. */
  executeAll(statements: readonly Statement[]): Promise<readonly RawResult[]> {
    return this.#send((attempt) => attempt.executeAll(statements));
  }

  /** Sends at once, or when the nested transactions have had their turns. */
  #send<T>(send: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { attempt } = this.#context;
    // A late call would be missing from what was committed, and nothing else reports its failure.
    const late = this.closed && !attempt.failed;
    const now = () => (this.#refusal ? Promise.reject(this.#refusal.error) : send(attempt));
    const atOnce = !this.#turns.busy || this.closed || this.#inside() !== undefined;
    // The turn ends when the statement is sent, not when it is answered.
    const sent = atOnce ? now() : this.#turns.take(() => ({ sent: now() })).then((turn) => turn.sent);
    return late ? sent : remember(sent);
  }

  onCommit(hook: () => void | Promise<void>): void {
    this.onOutcome(['committed'], () => hook());
  }

  onRollback(hook: () => void | Promise<void>): void {
    this.onOutcome(['rolled-back'], () => hook());
  }

  /** Calls back once, for the first of these outcomes that this scope has. */
  onOutcome(on: readonly Outcome[], hook: Hook): void {
    this.#assertOpen();
    this.#context.attempt.hooks.add(this, on, hook);
  }

  announce(topic: string): void {
    if (this.#announced.has(checkTopic(topic))) return;
    const statement = announcement(this.#context.attempt.system, [topic]);
    this.seal({ owner: {}, statement, translate: () => undefined });
    this.#announced.add(topic);
  }

  seal(seal: Seal): void {
    this.#assertOpen();
    this.#context.attempt.seal(seal);
  }

  unseal(owner: object): void {
    this.#assertOpen();
    this.#context.attempt.unseal(owner);
  }

  transact<T>(body: TransactionBody<T>, options: TransactOptions = {}): Promise<T> {
    return promised(() => {
      assertFunction('body', body);
      return this.join(body, checkOptions(transactOptionsSchema, options) as TransactOptions, undefined);
    });
  }

  /** A nested transaction, under a savepoint, with the nested session's fence if any. */
  join<T>(body: TransactionBody<T>, options: TransactOptions, fence: Fence | undefined): Promise<T> {
    const inner = this.#inside();
    if (inner) return inner.join(body, options, fence);
    if (this.#refusal) return Promise.reject(this.#refusal.error);
    refuseConflict(this.#options, options);
    const { attempt } = this.#context;
    const name = options.name ?? (body.name || 'transaction');
    const limits = limitPart(name, options, this.signal);
    const scope = new Scope(this.#context, { ...this.#options, ...options }, this, limits.signal);
    const running = this.#turns
      .take(() => inSpan(name, { [TRANSACTION_NESTED]: true }, () => this.#run(scope, body, fence)))
      .finally(() => limits[Symbol.dispose]());
    running.catch((error: unknown) => {
      // The callback has returned, so it cannot have awaited a nested transaction that fails only now.
      if (this.#ended) attempt.failWith(error);
    });
    // Hooks of one that was rolled back alone run after its turn, since a hook may want one.
    const result = running.catch(async (error: unknown) => {
      await scope.#undone;
      throw error;
    });
    // If it was rolled back alone, nothing but its promise reports the failure.
    const failsTheWhole = running.catch((error) =>
      attempt.failure ? Promise.reject(error) : new Promise<never>(() => {}),
    );
    return rememberedIf(result, failsTheWhole);
  }

  async #run<T>(scope: Scope, body: TransactionBody<T>, fence: Fence | undefined): Promise<T> {
    const { attempt, current, info } = this.#context;
    scope.signal.throwIfAborted();
    // A statement of this scope that fails must not be taken for a failure of the nested one.
    if (attempt.busy) await attempt.drain();
    attempt.throwIfFailed();
    const savepoint = `hf_${this.#depth}_${this.#savepoints++}`;
    const { proofs } = attempt;
    try {
      void attempt.control(`SAVEPOINT ${savepoint}`).catch(() => {});
      this.#nested = scope;
      if (fence) await attempt.addFence(fence);
      const value = await current.run(scope, async () => body(scope, info));
      await scope.end();
      attempt.throwIfFailed();
      scope.signal.throwIfAborted();
      await attempt.control(`RELEASE SAVEPOINT ${savepoint}`);
      return value;
    } catch (error) {
      await scope.end();
      const first = attempt.failure?.error ?? error;
      if (classify(error) !== 'definite' || classify(first) !== 'definite') {
        attempt.failWith(error);
        throw error;
      }
      try {
        await attempt.rollbackTo(savepoint, proofs);
      } catch (failure) {
        attempt.failWithThis(failure);
        throw error;
      }
      scope.#undone = attempt.hooks.settle('rolled-back', (owner) => (owner as Scope).#isWithin(scope));
      throw error;
    } finally {
      this.#nested = undefined;
    }
  }

  /** The callback has settled: the handle takes nothing more. Waits for nested transactions that nobody awaited. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#turns.settled();
    await this.#context.attempt.drain();
  }

  /** It was rolled back, alone or with one that it is nested in. */
  get #isUndone(): boolean {
    return this.#undone !== undefined || (this.#parent ? this.#parent.#isUndone : false);
  }

  #isWithin(other: Scope): boolean {
    return this === other || (this.#parent ? this.#parent.#isWithin(other) : false);
  }

  /** Why nothing may be sent any more. The whole transaction's own signal is the retry loop's to act on. */
  get #refusal(): { readonly error: unknown } | undefined {
    if (this.#ended) return { error: closed() };
    return this.#parent && this.signal.aborted ? { error: this.signal.reason } : undefined;
  }

  #assertOpen(): void {
    if (this.closed) throw closed();
  }

  /** The scope that the caller is in, when that is inside of the nested transaction that is under way. */
  #inside(): Scope | undefined {
    const caller = this.#context.current.getStore();
    if (!caller || !this.#nested) return undefined;
    return caller.#isWithin(this.#nested) ? caller : undefined;
  }
}

/** Runs one thing at a time, first come first served. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Something is under way or waits. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  take<T>(run: () => T | Promise<T>): Promise<T> {
    this.#waiting++;
    const mine = this.#last.then(run).finally(() => {
      this.#waiting--;
    });
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** Resolves when nothing is left, what was added meanwhile included. */
  async settled(): Promise<void> {
    while (this.busy) await this.#last;
  }
}

const closed = () =>
  new MisuseError(
    'HOLDFAST_TRANSACTION_CLOSED',
    'the transaction has ended: await every query before the callback returns',
  );

function refuseConflict(outer: TransactOptions, inner: TransactOptions): void {
  const isolation = outer.isolation ?? 'serializable';
  if (inner.isolation && inner.isolation !== isolation)
    throw new MisuseError(
      'HOLDFAST_NESTED_OPTIONS',
      `isolation "${inner.isolation}" inside a "${isolation}" transaction`,
    );
  if (inner.readOnly === false && (outer.readOnly || outer.asOf))
    throw new MisuseError('HOLDFAST_NESTED_OPTIONS', 'readOnly: false inside a read-only transaction');
  if (inner.asOf && inner.asOf !== outer.asOf)
    throw new MisuseError(
      'HOLDFAST_NESTED_OPTIONS',
      'asOf inside a transaction that does not read at that time',
    );
  for (const option of ['commitMarker', 'allowDdl'] as const)
    if (inner[option] && !outer[option])
      throw new MisuseError('HOLDFAST_NESTED_OPTIONS', `${option} belongs on the outermost transact`);
}

/**
 * For the library's own handles, which must not stay undecided: unlike the hooks that users have, this calls back also
 * when the answer to the commit was lost. Once for each attempt, at the latest when it ends.
 */
export function onOutcome(tx: Transaction, hook: (outcome: Outcome) => void): void {
  scopeOf(tx).onOutcome(['committed', 'rolled-back', 'unknown'], hook);
}

/**
 * Proves something once more when the transaction commits, in the same message as COMMIT, on both engines. A seal
 * replaces an earlier one of the same owner. A nested transaction that is rolled back alone takes back what it sealed
 * and unsealed.
 */
export function seal(tx: Transaction, what: Seal): void {
  scopeOf(tx).seal(what);
}

/** Takes the owner's seal back: for the statement that itself ends what the seal proves. */
export function unseal(tx: Transaction, owner: object): void {
  scopeOf(tx).unseal(owner);
}

/** Whether it is nested in another one. */
export const isPart = (tx: Transaction): boolean => tx instanceof Scope && tx.isNested;

function scopeOf(tx: Transaction): Scope {
  if (!(tx instanceof Scope)) throw new TypeError('not a transaction of transact');
  return tx;
}
