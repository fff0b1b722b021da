import { invalidOption } from '../base/index.ts';
import { settleOperation } from '../queries/operations.ts';
import { releaseQuarantine } from '../queries/work.ts';
import type { Transaction } from '../transact/index.ts';
import type { Work } from '../work/index.ts';
import type { Pipeline } from './pipeline.ts';

/** What a finished operation leaves. */
export interface OperationResult<Operation extends string> {
  /** `WARNING` is done too, and keeps its message. Default `OK`, which clears the message unless one is given. */
  readonly state?: 'OK' | 'WARNING' | undefined;
  readonly message?: string | undefined;
  /** Operations of the same target that become READY in the same commit. */
  readonly enable?: readonly Operation[] | undefined;
}

/** Writes a stage's own results, in the transaction of its hand-over. `generation`: 1 for the first time. */
export type OperationBody<T> = (tx: Transaction, generation: bigint) => Promise<T> | T;

/**
 * An operation that is being worked on: the work, and the ways to end it. Nobody else changes its state meanwhile; others
 * may enable it, which makes it READY again when it ends. When its session dies it is READY again by itself, and the
 * attempt counts.
 */
export class OperationWork<Operation extends string = string> {
  readonly work: Work;
  readonly operation: Operation;
  readonly #pipeline: Pipeline<Operation>;

  /** @internal */
  constructor(pipeline: Pipeline<Operation>, operation: Operation, work: Work) {
    this.#pipeline = pipeline;
    this.operation = operation;
    this.work = work;
  }

  get target(): string {
    return this.work.target;
  }

  /** Aborts when the session expires or the work is lost. */
  get signal(): AbortSignal {
    return this.work.signal;
  }

  /**
   * Ends it, makes others READY, and writes what `body` writes, all or nothing. Gives what the body returned. Throws as
   * `work.finish`, TargetDeletedError, or MisuseError for an operation that is not declared.
   */
  async finish<T = void>(result: OperationResult<Operation> = {}, body?: OperationBody<T>): Promise<T> {
    const { state = 'OK', message, enable = [] } = result;
    if (state !== 'OK' && state !== 'WARNING')
      throw invalidOption('state', 'a finished operation is OK or WARNING; error() makes it FAILED');
    const kinds = this.#pipeline.kindsOf(enable);
    const { work, target } = this;
    return work.session.finishLast(
      [work],
      async (tx) => {
        const settled = this.#settle(tx, state, message, body);
        if (body) await settled;
        const [{ value }] = await Promise.all([settled, this.#pipeline.makeReady(tx, target, kinds)]);
        return value;
      },
      // Its own statements lock the rows that they go by, and nobody deletes a target whose work is held.
      body ? 'serializable' : 'read committed',
    );
  }

  /** Ends it as FAILED with the message: nobody takes it before it is enabled. Otherwise like `finish`. */
  error<T = void>(message: string, body?: OperationBody<T>): Promise<T> {
    return this.work.transact(async (tx) => {
      const { value, isReady } = await this.#settle(tx, 'FAILED', message, body);
      await this.work.fail(message);
      // It was enabled meanwhile: what failed is not held against that.
      if (isReady) await forget(tx, this.work.kind, this.target);
      return value;
    }) as Promise<T>;
  }

  /** Leaves a message, or makes other operations READY, and goes on. */
  async update({ message, enable = [] }: Omit<OperationResult<Operation>, 'state'>): Promise<void> {
    const kinds = this.#pipeline.kindsOf(enable);
    await this.work.transact(async (tx) => {
      if (message !== undefined) await this.#pipeline.note(tx, this.target, this.work.kind, message);
      await this.#pipeline.makeReady(tx, this.target, kinds);
    });
  }

  /** Gives it back: it is READY again. */
  release(): Promise<void> {
    return this.work.cancel();
  }

  async #settle<T>(
    tx: Transaction,
    state: string,
    message: string | undefined,
    body: OperationBody<T> | undefined,
  ): Promise<{ readonly value: T; readonly isReady: boolean }> {
    const { target, kind } = this.work;
    const { generation, state: now } = await settleOperation(tx, {
      target,
      kind,
      state,
      message: message ?? null,
    });
    const isReady = now === 'READY';
    if (isReady) tx.announce(kind);
    return { value: (await body?.(tx, generation)) as T, isReady };
  }
}

/** Lets an operation that is enabled again be claimed at once, with all its attempts before it. */
export async function forget(tx: Transaction, kind: string, target: string): Promise<void> {
  await releaseQuarantine(tx, { kind, target, cause: 'enabled again' });
}
