import { StageTelemetry } from '../telemetry/index.ts';
import { isPromise } from './each.ts';
import type { StageProfile, StageState } from './profile.ts';
import type { Queue } from './queue.ts';
import type { StageContext } from './stage.ts';
import { type FutureHost, type Strand, strands } from './strand.ts';

/** The pipeline that runs a stage, as the stage sees it. */
export interface StageHost extends FutureHost {
  readonly signal: AbortSignal;
  fail(error: unknown, stage: string): void;
  /** A stage has come to rest: it may have been the last. */
  rested(): void;
}

/** One stage while it runs: what it does now, and what it has done. */
export class StageRun implements StageContext {
  readonly stage: string;
  readonly strand: Strand;
  input: Queue<unknown> | undefined;
  itemsIn = 0;
  itemsOut = 0;
  batchesIn = 0;
  batchesOut = 0;
  /** When the metrics were told last, by performance.now(). */
  reportedAt: number;
  readonly telemetry: StageTelemetry;
  readonly #host: StageHost;
  readonly #calls = new Set<Strand>();
  readonly #counts: Record<string, number> = {};
  readonly #spentMs: Record<StageState, number> = { working: 0, waiting: 0, blocked: 0, ended: 0 };
  #state: StageState = 'working';
  #since: number;
  #pulling = false;
  #pushing = false;
  #ended = false;

  constructor(pipeline: string, stage: string, position: number, host: StageHost) {
    this.stage = stage;
    this.telemetry = new StageTelemetry(pipeline, stage);
    this.#host = host;
    this.strand = this.#strand(position);
    this.#since = performance.now();
    this.reportedAt = this.#since;
  }

  get signal(): AbortSignal {
    return this.#host.signal;
  }

  get pushing(): boolean {
    return this.#pushing;
  }

  // The three of the context are bound: stages take them out of it.
  readonly count = (counter: string, by = 1): void => {
    this.#counts[counter] = (this.#counts[counter] ?? 0) + by;
  };

  readonly fail = (error: unknown): void => {
    this.#host.fail(error, this.stage);
  };

  readonly track = <T>(work: () => T): T => {
    const call = this.#strand(this.strand.position);
    this.#calls.add(call);
    if (this.#calls.size === 1) this.#look();
    const end = () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#look();
      else this.#host.rested();
    };
    let answer: T;
    try {
      answer = strands.run(call, work);
    } catch (error) {
      end();
      throw error;
    }
    if (!isPromise(answer)) {
      end();
      return answer;
    }
    answer.then(end, end);
    return answer;
  };

  /** It waits for input, or has got it. */
  pulls(waits: boolean): void {
    this.#pulling = waits;
    this.#look();
  }

  /** It waits for room in the next queue, or has got it. */
  pushes(waits: boolean): void {
    this.#pushing = waits;
    this.#look();
  }

  taken(items: number): void {
    this.itemsIn += items;
    this.batchesIn++;
  }

  end(): void {
    this.#ended = true;
    this.#look();
  }

  /** Nothing that it has under way can go on by itself: all of it waits for other stages. */
  isAtRest(): boolean {
    if (this.#ended) return true;
    if (this.#calls.size > 0) return [...this.#calls].every(({ awaits }) => awaits > 0);
    return this.#pulling || this.#pushing || this.strand.awaits > 0;
  }

  profile(): StageProfile {
    this.#spend();
    const { working, waiting, blocked } = this.#spentMs;
    return {
      stage: this.stage,
      state: this.#state,
      itemsIn: this.itemsIn,
      itemsOut: this.itemsOut,
      batchesIn: this.batchesIn,
      batchesOut: this.batchesOut,
      waitingMs: waiting,
      blockedMs: blocked,
      workingMs: working,
      queued: this.input?.length ?? 0,
      peakQueued: this.input?.peak ?? 0,
      counts: { ...this.#counts },
    };
  }

  #strand(position: number): Strand {
    return { host: this.#host, stage: this.stage, position, outer: strands.getStore(), awaits: 0 };
  }

  #look(): void {
    const state = this.#ended
      ? 'ended'
      : this.#pushing
        ? 'blocked'
        : this.#pulling && this.#calls.size === 0
          ? 'waiting'
          : 'working';
    if (state !== this.#state) {
      this.#spend();
      this.#state = state;
    }
    if (state !== 'working') this.#host.rested();
  }

  #spend(): void {
    const now = performance.now();
    this.#spentMs[this.#state] += now - this.#since;
    this.#since = now;
  }
}
