import { setMaxListeners } from 'node:events';
import { invalidOption } from '../base/index.ts';
import { inSpan, type OperationSpan, PIPELINE, stageAttributes } from '../telemetry/index.ts';
import { FutureError } from './errors.ts';
import { abandonFutures, enterFutures } from './future.ts';
import type { PipelineProfile } from './profile.ts';
import { Queue, type QueueLimits } from './queue.ts';
import type { Stage, StageContext } from './stage.ts';
import { type StageHost, StageRun } from './stage-run.ts';
import { strands, type Waiter } from './strand.ts';

/** Where items come from, one by one or in batches: an array is a batch. */
export type Source<Item> =
  | AsyncIterable<Item | readonly Item[]>
  | Iterable<Item | readonly Item[]>
  | ((context: StageContext) => AsyncIterable<Item | readonly Item[]>);

/** A stage of whatever items. */
export type AnyStage = Stage<never, unknown>;

/** Timers and sockets have their turn after this long at the latest, however busy the stages are between awaits. */
const TURN_MS = 20;

/** Metrics grow while a stage runs, this often. */
const REPORT_MS = 1_000;

const QUIET_TURNS = 2;

const failedStages = new WeakMap<object, string>();

/**
 * The stage that a pipeline failed in, by the error that `run` rejected with: the error is the stage's own, so it is
 * told beside it. `source` and `consume` for these; undefined after a cancellation, and for what is not an object.
 */
export const failedStage = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null ? failedStages.get(error) : undefined;

export function limitsOf({ batch = {}, queue }: Pick<AnyStage, 'batch' | 'queue'>): QueueLimits {
  // A maximum alone lowers the default minimum.
  const min = batch.min ?? Math.min(500, batch.max ?? Infinity, queue ?? Infinity);
  const max = batch.max ?? Math.max(1_000, min);
  return { min, max, waitMs: batch.waitMs ?? 250, capacity: queue ?? max };
}

/** One run of a pipeline: a pump for each stage takes what its generator yields and puts it into the next one's queue. */
export class Run implements StageHost {
  over: { readonly cause?: unknown; readonly failed: boolean } | undefined;
  readonly #name: string;
  readonly #stages: readonly AnyStage[];
  readonly #runs: readonly StageRun[];
  readonly #queues: readonly Queue<unknown>[];
  readonly #controller = new AbortController();
  readonly #waiters = new Set<Waiter>();
  /** Of them, those in stages. */
  #awaiting = 0;
  #failure: { readonly error: unknown; readonly stage: string | undefined } | undefined;
  #check: NodeJS.Immediate | undefined;
  #quietTurns = 0;
  readonly #startedAt = performance.now();
  #endedAt: number | undefined;
  #turnAt = this.#startedAt;
  #turning: Promise<void> | undefined;

  constructor(name: string, stages: readonly AnyStage[]) {
    this.#name = name;
    this.#stages = stages;
    setMaxListeners(0, this.#controller.signal);
    this.#runs = ['source', ...stages.map((stage) => stage.name)].map(
      (stage, i) => new StageRun(name, stage, i, this),
    );
    this.#queues = stages.map((stage, i) => {
      const [before, after] = [this.#runs[i]!, this.#runs[i + 1]!];
      const queue = new Queue<unknown>(limitsOf(stage), {
        urgent: () => this.#waiters.size > 0,
        pulling: (waits) => after.pulls(waits),
        pushing: (waits) => before.pushes(waits),
        taken: (items) => after.taken(items),
      });
      after.input = queue;
      return queue;
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs all stages at once, until the last has ended. Rejects with the first error, once every stage is closed. */
  async run(source: Source<unknown>, signal: AbortSignal | undefined): Promise<PipelineProfile> {
    signal?.throwIfAborted();
    const cancel = () => this.fail(signal?.reason, undefined);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      await inSpan(`pipeline ${this.#name}`, { [PIPELINE]: this.#name }, async (span) => {
        const pumps = this.#stages.map((stage, i) => this.#runStage(stage, i));
        await Promise.all([this.#runSource(source, pumps), ...pumps]);
        if (this.#failure) span.fail(this.#failure.error);
      });
    } finally {
      signal?.removeEventListener('abort', cancel);
      clearImmediate(this.#check);
      this.#endedAt = performance.now();
    }
    this.over ??= { failed: false };
    const why = 'the pipeline ended without a value for it';
    for (const waiter of [...this.#waiters]) waiter.reject(new FutureError('ended', waiter.describe(), why));
    if (this.#failure) throw this.#failure.error;
    return this.profile();
  }

  profile(): PipelineProfile {
    return {
      pipeline: this.#name,
      elapsedMs: (this.#endedAt ?? performance.now()) - this.#startedAt,
      stages: this.#runs.map((run) => run.profile()),
    };
  }

  begun(waiter: Waiter): void {
    this.#waiters.add(waiter);
    if (waiter.strand) {
      waiter.strand.awaits++;
      this.#awaiting++;
    }
    if (this.#waiters.size === 1) for (const queue of this.#queues) queue.flush();
    this.rested();
  }

  ended(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter) || !waiter.strand) return;
    waiter.strand.awaits--;
    this.#awaiting--;
  }

  /** Looks whether all stages are at rest, once nothing has moved for two turns: a stage may hold a thing for one. */
  rested(): void {
    this.#quietTurns = 0;
    if (this.#awaiting === 0 || this.#check || this.over) return;
    const look = () => {
      this.#check = undefined;
      if (this.over || this.#awaiting === 0 || !this.#runs.every((run) => run.isAtRest())) return;
      if (this.#quietTurns++ < QUIET_TURNS) this.#check = setImmediate(look);
      else this.#unstick();
    };
    this.#check = setImmediate(look);
  }

  /**
   * When every stage waits, for input, for room or for a future, only the end of a wait moves the pipeline: those for
   * futures in the stage that is furthest down end with an error. An item's future is settled further down, where
   * nobody awaits anything: these waits are in vain, and the end of them may be all that the ones before need.
   */
  #unstick(): void {
    const inside = [...this.#waiters].filter(({ strand }) => strand !== undefined);
    const last = Math.max(...inside.map(({ strand }) => strand!.position));
    const holders = this.#runs
      .slice(1)
      .filter(({ itemsIn, itemsOut }) => itemsIn > itemsOut)
      .map(({ stage, itemsIn, itemsOut }) => `${stage} has taken ${itemsIn} items and given ${itemsOut}`);
    const why = [
      'no stage can bring it on. It was dropped, it was not yielded before it was awaited, or a stage that gathers holds it',
      ...holders,
    ].join('; ');
    for (const waiter of inside) {
      const { strand } = waiter;
      if (strand!.position !== last) continue;
      waiter.reject(new FutureError('stuck', waiter.describe(), why, { stage: strand!.stage }));
    }
  }

  /** Stops everything, the first time; `stage`: where it comes from. */
  fail(error: unknown, stage: string | undefined): void {
    if (this.#failure) return;
    this.#failure = { error, stage };
    if (stage !== undefined && typeof error === 'object' && error !== null) failedStages.set(error, stage);
    this.over = { failed: true, cause: error };
    this.#controller.abort(error);
    for (const queue of this.#queues) queue.fail(error);
    for (const waiter of [...this.#waiters])
      waiter.reject(
        new FutureError('failed', waiter.describe(), 'its pipeline failed', {
          stage: waiter.strand?.stage,
          cause: error,
        }),
      );
  }

  #runStage(stage: AnyStage, i: number): Promise<void> {
    const input = this.#queues[i]!;
    const open = (context: StageContext) => stage.run(input as AsyncIterable<readonly never[]>, context);
    return this.#pump(this.#runs[i + 1]!, open, input);
  }

  /** The source is waited for as well, if it can know that it is to end. */
  async #runSource(source: Source<unknown>, stages: readonly Promise<void>[]): Promise<void> {
    if (typeof source === 'function') return this.#pump(this.#runs[0]!, source, undefined);
    let iterator: AsyncIterator<unknown> | undefined;
    const open = () => {
      iterator = iteratorOf(source);
      return { [Symbol.asyncIterator]: () => iterator! };
    };
    let isOver = false;
    const pump = this.#pump(this.#runs[0]!, open, undefined).finally(() => {
      isOver = true;
    });
    const others = Promise.all(stages).then(async () => {
      if (!this.#failure) return pump;
      await new Promise(setImmediate);
      // It waits for what may never come.
      if (!isOver) iterator?.return?.().catch(() => {});
    });
    await Promise.race([pump, others]);
  }

  #pump(
    run: StageRun,
    open: (context: StageContext) => AsyncIterable<unknown>,
    input: Queue<unknown> | undefined,
  ): Promise<void> {
    const { telemetry, stage } = run;
    const pump = async (span: OperationSpan) => {
      let iterator: AsyncIterator<unknown> | undefined;
      try {
        // Every stage is there before the first one begins.
        await undefined;
        if (this.#failure) return;
        iterator = iteratorOf(open(run));
        await this.#forward(run, iterator, input);
      } catch (error) {
        this.fail(error, stage);
      } finally {
        await this.#close(run, iterator);
        run.end();
        const profile = run.profile();
        telemetry.report(profile);
        span.set(stageAttributes(profile));
        if (this.#failure?.stage === stage) span.fail(this.#failure.error);
      }
    };
    return strands.run(run.strand, () => inSpan(`stage ${stage}`, telemetry.attributes, pump));
  }

  async #forward(
    run: StageRun,
    iterator: AsyncIterator<unknown>,
    input: Queue<unknown> | undefined,
  ): Promise<void> {
    const next = this.#queues[run.strand.position];
    for (;;) {
      const { done, value } = await iterator.next();
      if (this.#failure) return;
      if (done) break;
      const items = input ? checkBatch(run.stage, value) : batchOf(value);
      if (items.length === 0) continue;
      run.itemsOut += items.length;
      run.batchesOut++;
      if (!input) for (const item of items) enterFutures(item, this);
      if (next) {
        const room = next.push(items);
        if (room) await room;
      } else
        for (const item of items)
          abandonFutures(item, 'ended', 'it came to the end of its pipeline without a value');
      const now = performance.now();
      if (now - run.reportedAt > REPORT_MS) {
        run.reportedAt = now;
        run.telemetry.report(run.profile());
      }
      if (now - this.#turnAt > TURN_MS) await this.#turn();
    }
    if (input && !(await input.next()).done)
      throw invalidOption(`stage ${run.stage}`, 'it ended before its input: take the input to its end');
    next?.end();
  }

  async #close(run: StageRun, iterator: AsyncIterator<unknown> | undefined): Promise<void> {
    try {
      await iterator?.return?.();
    } catch (error) {
      this.fail(error, run.stage);
    }
  }

  #turn(): Promise<void> {
    this.#turning ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turning = undefined;
        this.#turnAt = performance.now();
        resolve();
      });
    });
    return this.#turning;
  }
}

function iteratorOf(iterable: unknown): AsyncIterator<unknown> {
  const { [Symbol.asyncIterator]: open, [Symbol.iterator]: openSync } = Object(iterable);
  if (typeof open === 'function') return open.call(iterable);
  if (typeof openSync === 'function') return openSync.call(iterable);
  throw invalidOption('run', 'expected an async iterable');
}

const batchOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

function checkBatch(stage: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalidOption(`stage ${stage}`, 'expected it to yield batches, which are arrays of items');
}
