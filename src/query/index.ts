/**
 * The runtime of compiled queries: the only module that generated code imports.
 */
export { type BatchQuery, batch } from './batch.ts';
export { type Bound, bindAll } from './bind.ts';
export { type BatchResults, type BoundQuery, runBatch, sendBatch } from './bound-query.ts';
export { type CompiledQuery, InvalidColumnError, RowCountError } from './build.ts';
export { finishText, splitChange, stepText } from './change-text.ts';
export { claimText, LONGEST_TARGET, MOST_CANDIDATES, type ParameterNumbers } from './claim-text.ts';
export type { Codec } from './codec.ts';
export * from './codecs.ts';
export * from './collections.ts';
export * from './define.ts';
export type {
  ColumnSpec,
  DynamicPart,
  EmbedSpec,
  Encoder,
  NoParams,
  ParamSpec,
  QueryDefinition,
} from './definition.ts';
export type { OrderBy } from './dynamic.ts';
export { type InsertRows, insertRows, insertRowsReturning } from './insert-rows.ts';
export { type IterOptions, type IterQuery, iter } from './iterate.ts';
export * from './json-shape.ts';
export { type SqlValue, sql } from './sql.ts';
export type { Executor, RawResult, ResultColumn, Statement } from './statement.ts';
export { type OutputOf, type Schema, validated } from './validated.ts';
export {
  type BoundChange,
  type BoundClaim,
  type ChangedKeys,
  type ClaimCaller,
  type ClaimedRow,
  type ClaimQuery,
  claim,
  type FinishQuery,
  finish,
  finishAndClaimStatement,
  plainFinish,
  type StepQuery,
  step,
  type WorkQueryDefinition,
} from './work-queries.ts';
