/**
 * - `working`: in the stage's own code, or waiting for what it started
 * - `waiting`: for input
 * - `blocked`: the next stage has no room
 * - `ended`
 */
export type StageState = 'working' | 'waiting' | 'blocked' | 'ended';

/** What a stage has done so far. The three times add up to the time since the start. */
export interface StageProfile {
  readonly stage: string;
  readonly state: StageState;
  readonly itemsIn: number;
  readonly itemsOut: number;
  readonly batchesIn: number;
  readonly batchesOut: number;
  readonly waitingMs: number;
  readonly blockedMs: number;
  readonly workingMs: number;
  /** Items that wait before it, now and at most. */
  readonly queued: number;
  readonly peakQueued: number;
  /** What it counted by `context.count`. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Where the items of a pipeline are, and where its time goes: the stage that blocks no other and waits least. */
export interface PipelineProfile {
  readonly pipeline: string;
  readonly elapsedMs: number;
  /** The source first, named `source`; a consumer last, named `consume`. */
  readonly stages: readonly StageProfile[];
}
