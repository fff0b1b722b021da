import { checkText, invalidOption, isText } from '../base/index.ts';
import { type Database, reading, type Transacts, WRITE_WITHIN_MS } from '../client/index.ts';
import {
  countOperations,
  deleteOperations,
  enableOperations,
  kindsOfPipeline,
  listOperations,
  noteRerun,
  operationFailures,
  operationStatus,
  readyOperations,
  standingOperation,
  targetsWithoutOperations,
  writeOperation,
} from '../queries/operations.ts';
import { lockWork } from '../queries/work.ts';
import type { Executor } from '../query/index.ts';
import type { Transaction, TransactionBody } from '../transact/index.ts';
import { type CandidateSource, GROUP, type KindOptions, type Session, type Work } from '../work/index.ts';
import {
  allowsWithoutHold,
  checkDefinition,
  type OperationState,
  type PipelineDefinition,
} from './definition.ts';
import { InvalidTransitionError, OperationConflictError, TargetDeletedError } from './errors.ts';
import { forget, OperationWork } from './operation-work.ts';

/** What `update` changes: one of these at least. */
export interface OperationUpdate<Operation extends string> {
  /** Of the operation itself. Without a hold only what the state diagram allows: `READY`, or `FAILED`. */
  readonly state?: Exclude<OperationState, 'WORKING'> | undefined;
  /** Operations of the target that become READY. */
  readonly enable?: readonly Operation[] | undefined;
  /** Of any length. Without a state it makes a new operation FAILED, and leaves an old one's state alone. */
  readonly message?: string | undefined;
}

/** An operation as an operator sees it. */
export interface OperationStatus<Operation extends string> {
  readonly target: string;
  readonly operation: Operation;
  readonly state: OperationState;
  readonly message: string | undefined;
  /** How often it was asked for, and which of these it has done. */
  readonly requested: bigint;
  readonly done: bigint;
  /** How often it was begun in a row without an end: abandoned, or given a backoff. */
  readonly attempts: number;
  /** The live session that works on it. */
  readonly sessionId: string | undefined;
  readonly createdAt: Date;
  /** When its state changed last. */
  readonly changedAt: Date;
}

/** Which operations `list` and `rerun` are about; what is not given does not matter. */
export interface OperationFilter<Operation extends string> {
  readonly operations?: readonly Operation[] | undefined;
  readonly targets?: readonly string[] | undefined;
  readonly state?: OperationState | undefined;
  /** Exactly this message: a group of failures. */
  readonly message?: string | undefined;
  /** Changed at or after `since`, and before `until`. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** @internal One operation of a target is at work at a time. */
export const exclusionKey = (pipeline: string, target: string) => ({
  group: `operations ${pipeline}`,
  key: target,
});

const PAGE = 500;

/**
 * Named operations of targets: `upload`, `index`, `backup` of a dataset. Each is READY, WORKING, OK, WARNING or FAILED, by
 * itself; a target has no state of its own. One operation of a target is at work at a time.
 *
 *   enable ──▶ READY ──take──▶ WORKING ──finish──▶ OK, WARNING ──enable──▶ READY
 *                │  ◀─worker lost─┘  └──error──▶ FAILED ──enable──▶ READY
 *                └──error (by somebody who does not hold it)──▶ FAILED
 *
 * After Pbench's Sync, whose `next`, `update` and `error` these are.
 */
export class Pipeline<Operation extends string = string> {
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly #kinds: ReadonlyMap<string, Operation>;

  /** @internal */
  constructor(definition: PipelineDefinition<Operation>) {
    const { name, operations } = checkDefinition(definition);
    this.name = name;
    this.operations = operations;
    this.#kinds = new Map(operations.map((operation) => [`${name}:${operation}`, operation]));
  }

  /** The kind of work that an operation is: for control loops, policies and history. Throws MisuseError. */
  kindOf(operation: Operation): string {
    if (!this.operations.includes(operation))
      throw invalidOption(
        'operation',
        `"${operation}" is not one of ${this.name}: ${this.operations.join(', ')}`,
      );
    return `${this.name}:${operation}`;
  }

  /** @internal */
  kindsOf(operations: readonly Operation[]): string[] {
    return [...new Set(operations.map((operation) => this.kindOf(operation)))];
  }

  /** Targets whose operation is READY, those that have waited longest first. Takes nothing. */
  async next(on: Executor, operation: Operation, wanted = 1): Promise<string[]> {
    return this.#ready(on, operation, wanted, false);
  }

  async #ready(on: Executor, operation: Operation, wanted: number, free: boolean): Promise<string[]> {
    const kind = this.kindOf(operation);
    if (!Number.isInteger(wanted) || wanted < 1)
      throw invalidOption('wanted', `${wanted} is not a whole number from 1`);
    const lockKind = GROUP + exclusionKey(this.name, '').group;
    const rows = await readyOperations(reading(on), { kind, lockKind, free, wanted: BigInt(wanted) });
    return rows.map(({ target }) => target);
  }

  #exclude(target: string) {
    return { target, exclude: [exclusionKey(this.name, target)] };
  }

  /** What a claim or a control loop takes an operation from. */
  source(operation: Operation): CandidateSource {
    return {
      kind: this.kindOf(operation),
      candidates: async (tx, wanted) =>
        (await this.#ready(tx, operation, wanted + 10, true)).map((target) => this.#exclude(target)),
    };
  }

  /** Takes up to `wanted` of an operation; none is []. Throws as `session.claim`. */
  async take(
    session: Session,
    operation: Operation,
    { wanted = 1 } = {},
  ): Promise<OperationWork<Operation>[]> {
    const works = await session.claim(this.source(operation), { wanted });
    return works.map((work) => this.of(work));
  }

  /**
   * Takes an operation of one target. Throws OperationConflictError naming the operation of the target that is at work,
   * or InvalidTransitionError when this one is not READY.
   */
  async takeTarget(
    session: Session,
    operation: Operation,
    target: string,
  ): Promise<OperationWork<Operation>> {
    const kind = this.kindOf(operation);
    const stateIn = (all: readonly OperationStatus<Operation>[]) =>
      all.find((status) => status.operation === operation)?.state;
    const [work] = await session.claim({
      kind,
      candidates: async (tx) =>
        stateIn(await this.status(tx, checkText('target', target))) === 'READY'
          ? [this.#exclude(target)]
          : [],
    });
    if (work) return this.of(work);
    const all = await this.status(session, target);
    const conflict = conflictOf(target, all);
    const from = stateIn(all);
    if (conflict.operation !== undefined || from === 'READY') throw conflict;
    throw new InvalidTransitionError(target, operation, from, 'WORKING', 'it is not READY');
  }

  /** The operation that a control loop's work is. */
  of(work: Work): OperationWork<Operation> {
    const operation = this.#kinds.get(work.kind);
    if (operation === undefined)
      throw invalidOption('work', `${work.kind} is not an operation of ${this.name}`);
    return new OperationWork(this, operation, work);
  }

  /**
   * Changes an operation that the caller does not hold: its state as far as the diagram allows, its message, and which
   * others are READY; in one transaction, together with what `body` writes. Throws InvalidTransitionError,
   * TargetDeletedError or MisuseError, and then has changed nothing; and as `transact`.
   */
  update<T = void>(
    on: Transacts,
    target: string,
    operation: Operation,
    update: OperationUpdate<Operation>,
    body?: TransactionBody<T>,
  ): Promise<T> {
    return this.#write(on, `update ${operation}`, body, async (tx) => {
      const { state, message, enable = [] } = update;
      const kind = this.kindOf(operation);
      if (state === undefined && message === undefined && enable.length === 0)
        throw invalidOption('update', 'expected a state, a message, or operations to enable');
      if (message !== undefined && !isText(message))
        throw invalidOption('message', 'expected a text without zero bytes');
      const ready = this.kindsOf(state === 'READY' ? [operation, ...enable] : enable);
      // Whether somebody works on them cannot change any more from here on.
      const locked = lockWork(tx, {
        target: checkText('target', target),
        kinds: [...new Set([kind, ...ready])],
      });
      const standing = standingOperation(tx, { target, kind, pipeline: this.name });
      const holder = (await locked).find((row) => row.kind === kind)!.holder;
      const { state: stored, isDeleted } = await standing;
      if (isDeleted) throw new TargetDeletedError(this.name, target);
      const from = holder === null ? ((stored ?? undefined) as OperationState | undefined) : 'WORKING';
      if (state !== undefined && state !== 'READY') {
        if (!allowsWithoutHold(from, state)) {
          const why = holder === null ? 'the diagram has no such step' : `session ${holder} holds it`;
          throw new InvalidTransitionError(target, operation, from, state, why);
        }
        await writeOperation(tx, { target, kind, state, message: message ?? null });
      }
      await this.makeReady(tx, target, ready);
      if (message !== undefined && (state === undefined || state === 'READY'))
        await this.note(tx, target, kind, message);
    });
  }

  /** Makes it FAILED with the message; the holder's own way is `error` of what it took. Throws as `update`. */
  error<T = void>(
    on: Transacts,
    target: string,
    operation: Operation,
    message: string,
    body?: TransactionBody<T>,
  ): Promise<T> {
    return this.update(on, target, operation, { state: 'FAILED', message }, body);
  }

  /** Makes operations READY: new ones, and settled ones for one generation more. Twice is once. Throws as `update`. */
  enable<T = void>(
    on: Transacts,
    target: string,
    operations: readonly Operation[],
    body?: TransactionBody<T>,
  ): Promise<T> {
    return this.#write(on, 'enable operations', body, (tx) =>
      this.makeReady(tx, checkText('target', target), this.kindsOf(operations)),
    );
  }

  #write<T>(
    on: Transacts,
    name: string,
    body: TransactionBody<T> | undefined,
    write: (tx: Transaction) => Promise<void>,
  ): Promise<T> {
    return on.transact(
      async (tx, info) => {
        await write(tx);
        return (await body?.(tx, info)) as T;
      },
      // How long a body of the caller's takes is up to the caller.
      { name: `${this.name}: ${name}`, ...(!body && { deadlineMs: WRITE_WITHIN_MS }) },
    );
  }

  /** @internal In a transaction; throws TargetDeletedError. */
  async makeReady(tx: Transaction, target: string, kinds: readonly string[]): Promise<void> {
    if (kinds.length === 0) return;
    const enabled = await enableOperations(tx, { target, kinds: [...kinds], pipeline: this.name });
    if (enabled.length === 0) throw new TargetDeletedError(this.name, target);
    for (const { kind, isKeptBack } of enabled) {
      if (isKeptBack) await forget(tx, kind, target);
      tx.announce(kind);
    }
  }

  /** @internal Leaves a message and no more; makes a new operation FAILED. */
  async note(tx: Transaction, target: string, kind: string, message: string): Promise<void> {
    await writeOperation(tx, { target, kind, state: null, message });
  }

  /**
   * Takes the target's operations away, and what `body` deletes with them, while none of them is at work; the history
   * stays. Afterwards nothing makes operations of this target again. Throws OperationConflictError, and as `work.finish`.
   */
  async delete<T = void>(session: Session, target: string, body?: TransactionBody<T>): Promise<T> {
    const candidate = this.#exclude(checkText('target', target));
    const [work] = await session.claim({ kind: `${this.name}:delete`, candidates: () => [candidate] });
    if (!work) throw conflictOf(target, await this.status(session, target));
    await using held = work;
    return (await held.finish(async (tx, info) => {
      const value = await body?.(tx, info);
      const kinds = this.kindsOf(this.operations);
      await lockWork(tx, { target, kinds });
      await deleteOperations(tx, { pipeline: this.name, target, kinds });
      return value;
    })) as T;
  }

  /** Every operation of a target, as one snapshot. */
  async status(on: Executor, target: string): Promise<OperationStatus<Operation>[]> {
    return (await this.statusMany(on, [target])).get(target) ?? [];
  }

  /** The same of several targets, by target; one statement. */
  async statusMany(
    on: Executor,
    targets: readonly string[],
  ): Promise<ReadonlyMap<string, OperationStatus<Operation>[]>> {
    const rows = await operationStatus(reading(on), {
      targets: [...targets],
      kinds: this.kindsOf(this.operations),
    });
    const byTarget = new Map<string, OperationStatus<Operation>[]>(targets.map((target) => [target, []]));
    for (const row of rows) byTarget.get(row.target)!.push(this.#statusOf(row));
    return byTarget;
  }

  #statusOf(row: Awaited<ReturnType<typeof operationStatus>>[number]): OperationStatus<Operation> {
    const { kind, state, message, attempts, sessionId, ...rest } = row;
    return {
      ...rest,
      operation: this.#kinds.get(kind)!,
      state: state as OperationState,
      message: message ?? undefined,
      attempts: Number(attempts),
      sessionId: sessionId ?? undefined,
    };
  }

  /** Operations in the order of target and name, page by page. */
  async *list(
    on: Executor,
    filter: OperationFilter<Operation> = {},
  ): AsyncGenerator<OperationStatus<Operation>> {
    const { operations = this.operations, targets, state, message, since, until } = filter;
    const kinds = this.kindsOf(operations);
    let [afterTarget, afterKind] = ['', ''];
    for (;;) {
      const rows = await listOperations(reading(on), {
        kinds,
        afterTarget,
        afterKind,
        targets: targets ? [...targets] : null,
        state: state ?? null,
        message: message ?? null,
        since: since ?? null,
        until: until ?? null,
        page: BigInt(PAGE),
      });
      for (const row of rows) yield this.#statusOf(row);
      if (rows.length < PAGE) return;
      ({ target: afterTarget, kind: afterKind } = rows.at(-1)!);
    }
  }

  /** How many operations there are in each state. Reads all of them. */
  async counts(on: Executor) {
    const rows = await countOperations(reading(on), { kinds: this.kindsOf(this.operations) });
    return rows.map(({ kind, state, operations: count }) => ({
      operation: this.#kinds.get(kind)!,
      state: state as OperationState,
      count,
    }));
  }

  /** Failures grouped by operation and message, the most frequent first. */
  async failures(on: Executor, groups = 100) {
    const rows = await operationFailures(reading(on), {
      kinds: this.kindsOf(this.operations),
      groups: BigInt(groups),
    });
    return rows.map(({ kind, message, operations, example }) => ({
      operation: this.#kinds.get(kind)!,
      message: message ?? undefined,
      count: operations,
      example,
    }));
  }

  /** Of the given targets those that have no operation at all. */
  async missing(on: Executor, targets: readonly string[]): Promise<string[]> {
    const kinds = this.kindsOf(this.operations);
    return (await targetsWithoutOperations(reading(on), { targets: [...targets], kinds })).map(
      ({ target }) => target,
    );
  }

  /**
   * Enables again what the filter names, one transaction a target's operation. What is at work, or is READY, is left alone.
   * `cause` stays in the history. Gives how many.
   */
  async rerun(
    on: Database,
    filter: OperationFilter<Operation>,
    { cause }: { readonly cause?: string } = {},
  ): Promise<number> {
    if (cause !== undefined && !isText(cause))
      throw invalidOption('cause', 'expected a text without zero bytes');
    let count = 0;
    for await (const { target, operation, state } of this.list(on, filter)) {
      if (state === 'READY' || state === 'WORKING') continue;
      const kind = this.kindOf(operation);
      const note =
        cause === undefined ? undefined : (tx: Transaction) => noteRerun(tx, { kind, target, cause });
      await this.enable(on, target, [operation], note);
      count++;
    }
    return count;
  }

  /** How often each operation is tried whose workers die, and whether its successes stay in the history. */
  async setPolicy(
    on: Database,
    { attempts, ...options }: Omit<KindOptions, 'quarantineAfter'> & { attempts?: number },
  ) {
    for (const kind of this.kindsOf(this.operations))
      await on.kinds.set(kind, {
        ...options,
        ...(attempts === undefined ? {} : { quarantineAfter: attempts }),
      });
  }
}

/** Declares a pipeline. Throws MisuseError naming what is wrong. */
export function definePipeline<const Operation extends string>(
  definition: PipelineDefinition<Operation>,
): Pipeline<Operation> {
  return new Pipeline(definition);
}

/** A pipeline as the database knows it: the operations that it has rows of. Undefined: there are none. Reads all of them. */
export async function findPipeline(on: Executor, name: string): Promise<Pipeline | undefined> {
  const prefix = `${name}:`;
  const rows = await kindsOfPipeline(reading(on), { prefix: `${prefix.replaceAll(/[\\%_]/g, '\\$&')}%` });
  const operations = rows.map(({ kind }) => kind.slice(prefix.length));
  return operations.length === 0 ? undefined : definePipeline({ name, operations });
}

/** The error that names the operation of the target which is at work, if one is. */
function conflictOf(target: string, all: readonly OperationStatus<string>[]): OperationConflictError {
  const working = all.find(({ state }) => state === 'WORKING');
  return new OperationConflictError(target, working?.operation, working?.sessionId);
}
