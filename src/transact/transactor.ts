import { AsyncLocalStorage } from 'node:async_hooks';
import { assertFunction, checkOptions, MisuseError } from '../base/index.ts';
import type { Engine, Pool } from '../database/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import { promised } from '../query/remembered.ts';
import type { Observer } from '../telemetry/observer.ts';
import { SettledMarkers } from './commit-marker.ts';
import { Contests } from './contention.ts';
import { type TransactOptions, transactOptionsSchema } from './options.ts';
import { Run, type Shared, type Task, type TransactContext } from './run.ts';
import type { Scope } from './scope.ts';
import type { TransactionBody } from './transaction.ts';

/**
 * Where transactions begin, and join the one that the caller is in. Promises, kept by the loop in run.ts:
 * - the callback's effects are committed exactly once, or not at all and the reason is thrown; when that is
 *   not known it says so with AmbiguousCommitError
 * - serialization failures and deadlocks are retried wherever they show: in a statement, swallowed by the
 *   callback, wrapped by it, at RELEASE, at COMMIT
 * - a connection goes back to the pool only when it is idle
 * - no pause inside an open transaction, none past the deadline
 *
 * After cockroach-go's ExecuteTx and CockroachDB's client-side retry protocol.
 */
export class Transactor {
  readonly #shared: Shared;
  readonly #observer: Observer;

  constructor(pool: Pool, engine: Engine, observer: Observer) {
    this.#shared = {
      pool,
      engine,
      current: new AsyncLocalStorage<Scope>(),
      settledMarkers: new SettledMarkers(pool, engine),
      contests: new Contests(),
    };
    this.#observer = observer;
  }

  transact<T>(
    body: TransactionBody<T>,
    options?: TransactOptions,
    context: TransactContext = {},
  ): Promise<T> {
    return promised(() => {
      assertFunction('body', body);
      const deciding = this.#deciding;
      if (deciding) return deciding.then(() => this.transact(body, options, context));
      const checked = checkOptions(transactOptionsSchema, options) as TransactOptions;
      const outer = this.#outer();
      if (outer) return outer.join(body, checked, context.fence);
      return this.#run(checked.name ?? (body.name || 'transaction'), { body }, checked, context);
    });
  }

  /**
   * When the caller is in a callback whose transaction is being committed: whether it may begin another transaction
   * depends on the outcome, so it waits for that.
   */
  get #deciding(): Promise<void> | undefined {
    return this.#shared.current.getStore()?.deciding;
  }

  /**
   * The transaction that the caller is in. Code that a callback left running when its attempt failed must not begin a
   * transaction of its own: that would be applied although the whole was not, or once more beside the next attempt.
   */
  #outer(): Scope | undefined {
    const outer = this.#shared.current.getStore();
    if (!outer?.closed) return outer;
    if (outer.committed) return undefined;
    throw new MisuseError(
      'HOLDFAST_TRANSACTION_CLOSED',
      'called from the callback of a transaction that has ended without a commit: await it in the callback, or start it outside',
    );
  }

  /** Whether the caller is in an open transaction; waits for one that is being decided. */
  async isInside(): Promise<boolean> {
    await this.#deciding;
    return this.#outer() !== undefined;
  }

  /** Throws MisuseError inside of an open transaction: the action commits by itself, so it cannot join one. */
  refuseInside(action: string): void {
    if (this.#outer())
      throw new MisuseError(
        'HOLDFAST_NESTED_OPTIONS',
        `${action} inside of a transaction: it is a transaction of its own, which stands whatever becomes of that one`,
      );
  }

  #run<T>(name: string, task: Task<T>, checked: TransactOptions, context: TransactContext): Promise<T> {
    const observer = this.#observer.transaction({
      name,
      component: context.component,
      readOnly: checked.readOnly ?? false,
    });
    return observer.run(() => new Run(this.#shared, observer, name, task, checked, context).run());
  }

  /**
   * A transaction whose statements are known beforehand: BEGIN, fence, statements, seal and COMMIT leave in one
   * message. A failure of any makes the server answer the COMMIT with ROLLBACK. Retried and resolved as `transact`.
   * Inside of a transaction the statements join it. With a signal the COMMIT waits for the answers, so that there
   * is something to abort.
   */
  send(
    statements: readonly Statement[],
    options?: TransactOptions,
    context: TransactContext = {},
  ): Promise<readonly RawResult[]> {
    return promised(() => {
      const deciding = this.#deciding;
      if (deciding) return deciding.then(() => this.send(statements, options, context));
      const checked = checkOptions(transactOptionsSchema, options) as TransactOptions;
      const outer = this.#outer();
      const body = () => this.#shared.current.getStore()!.executeAll(statements);
      const { name = statements[0]?.name ?? 'statement', ...rest } = checked;
      if (outer) {
        const plain = Object.keys(rest).length === 0 && (!context.fence || outer.has(context.fence));
        return plain ? outer.executeAll(statements) : outer.join(body, { ...rest, name }, context.fence);
      }
      return this.#run(name, checked.signal ? { body } : { statements, body }, checked, context);
    });
  }

  /** Deletes the commit markers that are left. */
  close(): Promise<void> {
    return this.#shared.settledMarkers.flush();
  }
}
