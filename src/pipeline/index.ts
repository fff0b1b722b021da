/**
 * How do batches flow through stages? All stages of a pipeline run at once, each an async generator over batches:
 *
 *   source --> [queue] --> stage --> [queue] --> stage --> ... --> consume
 *                 |           |                     |
 *            at most so    in batches of        resolves the future that an item carries:
 *            many items    min to max items     an earlier stage may await it
 *
 * Between two stages is a bounded queue: who has no room waits, who wants a batch waits for `min` items, for `waitMs`, for
 * the end of the input, or until somebody awaits a future; then what is there is the batch.
 *
 * After the stages of Pulp's DeclarativeVersion (pulpcore.plugin.stages): there a stage has an input and an output queue,
 * an item is marked to be thawed when its future is awaited, and one that gathers can starve.
 *
 * @module
 */

export { type ConcurrentOptions, concurrently, settle } from './concurrently.ts';
export {
  type Answer,
  type BatchAnswer,
  type BatchPassed,
  batched,
  each,
  type MaybePromise,
  type Passed,
} from './each.ts';
export { FutureError, type FutureReason, GatherLimitError } from './errors.ts';
export { type CarriesFutures, FUTURES, Future } from './future.ts';
export { gather } from './gather.ts';
export { Pipeline, type RunOptions } from './pipeline.ts';
export type { PipelineProfile, StageProfile, StageState } from './profile.ts';
export { failedStage, type Source } from './run.ts';
export { type BatchOptions, type Stage, type StageContext, type StageOptions, stage } from './stage.ts';
