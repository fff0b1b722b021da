/** Holdfast's workflows: a state machine for each target, with what is in flight written down before it begins. */
export type { Transacts } from '../client/index.ts';
export type { Action, ActionContext, Migrate, Snapshot, Transitioned } from './action.ts';
export type { ChildView } from './children.ts';
export type {
  ArgsOf,
  Child,
  ChildWorkflow,
  Json,
  Named,
  StateOrInitial,
  TransitionDefinition,
  WorkflowDefinition,
} from './definition.ts';
export { type DiagramFormat, type Drawn, diagram } from './diagram.ts';
export {
  InvalidWorkflowTransitionError,
  TransitionError,
  TransitionInFlightError,
  WorkflowHeldError,
  WorkflowNotFoundError,
  WorkflowStartConflictError,
} from './errors.ts';
export { workflowsFace } from './face.ts';
export { WorkflowInstance } from './instance.ts';
export {
  cancelInstance,
  listInstances,
  publishedDefinition,
  type Resolution,
  resolveWorkflow,
  type WorkflowEvent,
  type WorkflowFilter,
  workflowHistory,
  workflowNames,
  workflowStatus,
} from './operator.ts';
export type { InFlight, WorkflowStatus } from './record.ts';
export {
  type Actions,
  type AnyWorkflow,
  defineWorkflow,
  type RunOptions,
  type SourceOptions,
  type StartOptions,
  type TransitionsOf,
  Workflow,
  type WorkflowLoopOptions,
} from './workflow.ts';
