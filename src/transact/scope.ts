import { assertFunction, checkOptions, NestedOptionsError, TransactionClosedError } from '../base/index.ts';
import {
  type BatchResults,
  type BoundQuery,
  type RawResult,
  runBatch,
  type Statement,
} from '../query/index.ts';
import { promised, remember, rememberedIf } from '../query/remembered.ts';
import { inSpan, TRANSACTION_NESTED } from '../telemetry/index.ts';
import type { Attempt } from './attempt.ts';
import { classify } from './ending.ts';
import type { Fence, Seal } from './fence.ts';
import type { Hook, Outcome } from './hooks.ts';
import { type TransactOptions, transactOptionsSchema } from './options.ts';
import { limitPart } from './stop.ts';
import type { AttemptInfo, Transaction, TransactionBody } from './transaction.ts';
import { Turns } from './turns.ts';

/** Which scope the running code is in. */
export interface CurrentScope {
  run<T>(scope: Scope, body: () => Promise<T>): Promise<T>;
  get(): Scope | undefined;
}

/** What every scope of one attempt shares. */
export interface ScopeContext {
  readonly attempt: Attempt;
  readonly info: AttemptInfo;
  readonly signal: AbortSignal;
  readonly current: CurrentScope;
}

/**
 * The handle that a callback gets, and what nested calls join. Nested parts of one scope take turns, since
 * savepoints nest and do not interleave; what is sent by the scope's own handle from outside of a part that is
 * under way waits for it, since it would be lost with the part's savepoint.
 */
export class Scope implements Transaction {
  readonly #context: ScopeContext;
  readonly #options: TransactOptions;
  readonly #parent: Scope | undefined;
  readonly #signal: AbortSignal;
  readonly #depth: number;
  readonly #turns = new Turns();
  #part: Scope | undefined;
  #parts = 0;
  #ended = false;
  /** Its hooks, which run because it alone was rolled back. */
  #undone: Promise<void> | undefined;

  constructor(context: ScopeContext, options: TransactOptions, parent?: Scope, signal?: AbortSignal) {
    this.#context = context;
    this.#options = options;
    this.#parent = parent;
    this.#signal = signal ?? context.signal;
    this.#depth = parent ? parent.#depth + 1 : 0;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  get closed(): boolean {
    return this.#ended || this.#context.attempt.closed;
  }

  /** What was done in it is known to be committed. */
  get committed(): boolean {
    return this.#context.attempt.committed && !this.#rolledBack;
  }

  /** Resolves when it is known what became of it, while its commit is under way. */
  get deciding(): Promise<void> | undefined {
    return this.#context.attempt.deciding;
  }

  get isPart(): boolean {
    return this.#parent !== undefined;
  }

  execute(statement: Statement): Promise<RawResult> {
    const atOnce = !this.#turns.busy || this.closed || this.#inside() !== undefined;
    const late = this.#late;
    const sent = atOnce ? this.#send(statement) : this.#sendInTurn(statement);
    return late ? sent : remember(sent);
  }

  batch<const Q extends readonly BoundQuery<unknown>[]>(queries: Q): Promise<BatchResults<Q>> {
    return runBatch(queries, (statements) => this.executeAll(statements));
  }

  /** Several statements in one flight. */
  executeAll(statements: readonly Statement[]): Promise<readonly RawResult[]> {
    const send = () =>
      this.#refusal ? Promise.reject(this.#refusal.error) : this.#context.attempt.executeAll(statements);
    const atOnce = !this.#turns.busy || this.closed || this.#inside() !== undefined;
    const late = this.#late;
    const sent = atOnce ? send() : this.#turns.take(() => ({ sent: send() })).then((turn) => turn.sent);
    return late ? sent : remember(sent);
  }

  /** The transaction proves this already. */
  has(fence: Fence): boolean {
    return this.#context.attempt.has(fence);
  }

  /** Sends the seal together with the COMMIT of the whole; a part that is rolled back alone takes it back. */
  seal(seal: Seal): void {
    if (this.closed) throw closed();
    this.#context.attempt.seal(seal);
  }

  unseal(owner: object): void {
    if (this.closed) throw closed();
    this.#context.attempt.unseal(owner);
  }

  onCommit(hook: () => void | Promise<void>): void {
    this.onOutcome(['committed'], () => hook());
  }

  onRollback(hook: () => void | Promise<void>): void {
    this.onOutcome(['rolled-back'], () => hook());
  }

  /** Calls back once, for the first of these outcomes that this scope has. */
  onOutcome(on: readonly Outcome[], hook: Hook): void {
    if (this.closed) throw closed();
    this.#context.attempt.hooks.add(this, on, hook);
  }

  transact<T>(body: TransactionBody<T>, options: TransactOptions = {}): Promise<T> {
    return promised(() => {
      assertFunction('body', body);
      return this.join(body, checkOptions(transactOptionsSchema, options) as TransactOptions, undefined);
    });
  }

  /** A nested transact: joins this transaction under a savepoint, with the nested session's fence if any. */
  join<T>(body: TransactionBody<T>, options: TransactOptions, fence: Fence | undefined): Promise<T> {
    const inner = this.#inside();
    if (inner) return inner.join(body, options, fence);
    if (this.#refusal) return Promise.reject(this.#refusal.error);
    refuseConflict(this.#options, options);
    const name = options.name ?? (body.name || 'transaction');
    const limits = limitPart(name, options, this.#signal);
    const scope = new Scope(this.#context, { ...this.#options, ...options }, this, limits.signal);
    const part = this.#turns
      .take(() => inSpan(name, { [TRANSACTION_NESTED]: true }, () => this.#nested(scope, body, fence)))
      .finally(() => limits[Symbol.dispose]());
    part.catch((error: unknown) => {
      // Nobody can have awaited a part that fails after the callback has returned.
      if (this.#ended) this.#context.attempt.failWith(error);
    });
    const told = part.catch(async (error: unknown) => {
      await scope.#undone;
      throw error;
    });
    // One that was rolled back alone nobody remembers but who awaits it.
    const known = part.catch((error) =>
      this.#context.attempt.failure ? Promise.reject(error) : new Promise<never>(() => {}),
    );
    return rememberedIf(told, known);
  }

  /** The callback has settled: the handle is dead; parts that it did not await are waited for. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#turns.settled();
    await this.#context.attempt.drain();
  }

  async #nested<T>(scope: Scope, body: TransactionBody<T>, fence: Fence | undefined): Promise<T> {
    const { attempt, current, info } = this.#context;
    const { signal } = scope;
    signal.throwIfAborted();
    // A statement of the outer part that fails must not be taken for a failure of this one.
    if (attempt.busy) await attempt.drain();
    attempt.throwIfFailed();
    const savepoint = `hf_${this.#depth}_${this.#parts++}`;
    const { proofs } = attempt;
    try {
      void attempt.control(`SAVEPOINT ${savepoint}`).catch(() => {});
      this.#part = scope;
      if (fence) await attempt.addFence(fence);
      const value = await current.run(scope, async () => body(scope, info));
      await scope.end();
      attempt.throwIfFailed();
      signal.throwIfAborted();
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
      // After this turn: a hook may want one of its own.
      scope.#undone = attempt.hooks.settle('rolled-back', (owner) => (owner as Scope).#isWithin(scope));
      throw error;
    } finally {
      this.#part = undefined;
    }
  }

  /** It was rolled back, alone or with a part that it belongs to. */
  get #rolledBack(): boolean {
    return this.#undone !== undefined || (this.#parent ? this.#parent.#rolledBack : false);
  }

  /** It is that part, or was nested in it. */
  #isWithin(part: Scope): boolean {
    return this === part || (this.#parent ? this.#parent.#isWithin(part) : false);
  }

  #send(statement: Statement): Promise<RawResult> {
    return this.#refusal ? Promise.reject(this.#refusal.error) : this.#context.attempt.execute(statement);
  }

  /** What is asked of it comes too late, and would be missing from what was committed. */
  get #late(): boolean {
    return this.closed && !this.#context.attempt.failed;
  }

  /** Why nothing may be sent any more. */
  get #refusal(): { readonly error: unknown } | undefined {
    if (this.#ended) return { error: closed() };
    // The whole's own signal is the retry loop's to act on.
    return this.#parent && this.#signal.aborted ? { error: this.#signal.reason } : undefined;
  }

  /** The turn ends when the statement is sent, not when it is answered. */
  async #sendInTurn(statement: Statement): Promise<RawResult> {
    const { sent } = await this.#turns.take(() => ({ sent: this.#send(statement) }));
    return sent;
  }

  /** The scope that the caller is in, when that is inside of the part that is under way. */
  #inside(): Scope | undefined {
    const caller = this.#context.current.get();
    for (let scope = caller; scope && this.#part; scope = scope.#parent) {
      if (scope === this.#part) return caller;
    }
    return undefined;
  }
}

const closed = () =>
  new TransactionClosedError('the transaction has ended: await every query before the callback returns');

function refuseConflict(outer: TransactOptions, inner: TransactOptions): void {
  const isolation = outer.isolation ?? 'serializable';
  if (inner.isolation && inner.isolation !== isolation)
    throw new NestedOptionsError(`isolation "${inner.isolation}" inside a "${isolation}" transaction`);
  if (inner.readOnly === false && (outer.readOnly || outer.asOf))
    throw new NestedOptionsError('readOnly: false inside a read-only transaction');
  if (inner.asOf && inner.asOf !== outer.asOf)
    throw new NestedOptionsError('asOf inside a transaction that does not read at that time');
  for (const option of ['commitMarker', 'allowDdl'] as const)
    if (inner[option] && !outer[option])
      throw new NestedOptionsError(`${option} belongs on the outermost transact`);
}
