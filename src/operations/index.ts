/** Holdfast's operations: named stages of targets, each with a state of its own. */
export type { Transacts } from '../client/index.ts';
export type { OperationState, PipelineDefinition } from './definition.ts';
export { InvalidTransitionError, OperationConflictError, TargetDeletedError } from './errors.ts';
export { operationsFace } from './face.ts';
export { type OperationBody, type OperationResult, OperationWork } from './operation-work.ts';
export {
  definePipeline,
  findPipeline,
  type OperationFilter,
  type OperationStatus,
  type OperationUpdate,
  Pipeline,
} from './pipeline.ts';
