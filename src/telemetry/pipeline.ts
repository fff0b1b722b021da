import type { Attributes } from '@opentelemetry/api';
import {
  PIPELINE,
  STAGE,
  STAGE_BATCHES_IN,
  STAGE_BLOCKED_MS,
  STAGE_ITEMS_IN,
  STAGE_ITEMS_OUT,
  STAGE_PEAK_QUEUED,
  STAGE_WAITING_MS,
  STAGE_WORKING_MS,
} from './attributes.ts';
import { activeInstruments } from './providers.ts';

/** What a stage of a pipeline has done since its start. */
export interface StageFigures {
  readonly itemsIn: number;
  readonly itemsOut: number;
  readonly batchesIn: number;
  readonly waitingMs: number;
  readonly blockedMs: number;
  readonly workingMs: number;
  readonly peakQueued: number;
}

const STATES = ['waiting', 'blocked', 'working'] as const;

/** Reports one stage of a running pipeline. */
export class StageTelemetry {
  /** For its span. */
  readonly attributes: Attributes;
  readonly #metric: Attributes;
  readonly #byState: readonly Attributes[];
  #reported: StageFigures | undefined;

  constructor(pipeline: string, stage: string) {
    this.attributes = { [PIPELINE]: pipeline, [STAGE]: stage };
    this.#metric = { pipeline, stage };
    this.#byState = STATES.map((state) => ({ ...this.#metric, state }));
  }

  /** Adds to the metrics what has come since the last call. */
  report(figures: StageFigures): void {
    const instruments = activeInstruments();
    const before = this.#reported;
    this.#reported = figures;
    instruments?.pipelineItems.add(figures.itemsOut - (before?.itemsOut ?? 0), this.#metric);
    STATES.forEach((state, i) => {
      const sinceMs = figures[`${state}Ms`] - (before?.[`${state}Ms`] ?? 0);
      instruments?.pipelineTime.add(sinceMs / 1_000, this.#byState[i]);
    });
  }
}

/** For the end of a stage's span. */
export const stageAttributes = (figures: StageFigures): Attributes => ({
  [STAGE_ITEMS_IN]: figures.itemsIn,
  [STAGE_ITEMS_OUT]: figures.itemsOut,
  [STAGE_BATCHES_IN]: figures.batchesIn,
  [STAGE_WAITING_MS]: Math.round(figures.waitingMs),
  [STAGE_BLOCKED_MS]: Math.round(figures.blockedMs),
  [STAGE_WORKING_MS]: Math.round(figures.workingMs),
  [STAGE_PEAK_QUEUED]: figures.peakQueued,
});
