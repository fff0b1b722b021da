import { HoldfastError } from '../base/index.ts';
import type { OperationState } from './definition.ts';

/** The operation cannot go from its state to that one, or not by this call. Nothing was changed. */
export class InvalidTransitionError extends HoldfastError {
  readonly code = 'HOLDFAST_INVALID_TRANSITION';
  readonly target: string;
  readonly operation: string;
  /** Undefined: there is no such operation of the target yet. */
  readonly from: OperationState | undefined;
  readonly to: OperationState;

  constructor(
    target: string,
    operation: string,
    from: OperationState | undefined,
    to: OperationState,
    why: string,
  ) {
    super(`${operation} of ${target} does not go from ${from ?? 'nothing'} to ${to}: ${why}`);
    this.target = target;
    this.operation = operation;
    this.from = from;
    this.to = to;
  }
}

/** This operation cannot be taken now, or the target not be deleted, mostly because another one of it is at work. */
export class OperationConflictError extends HoldfastError {
  readonly code = 'HOLDFAST_OPERATION_CONFLICT';
  readonly target: string;
  /** The one in the way; undefined when something else is, such as a backoff. */
  readonly operation: string | undefined;
  readonly sessionId: string | undefined;

  constructor(target: string, operation: string | undefined, sessionId: string | undefined) {
    super(
      operation === undefined
        ? `${target} cannot be taken now: it backs off, its kind is paused, or another one has just had it`
        : `${operation} of ${target} is at work, held by session ${sessionId}`,
    );
    this.target = target;
    this.operation = operation;
    this.sessionId = sessionId;
  }
}

/** The target was deleted: nothing makes operations of it again. */
export class TargetDeletedError extends HoldfastError {
  readonly code = 'HOLDFAST_TARGET_DELETED';
  readonly target: string;

  constructor(pipeline: string, target: string) {
    super(`${target} was deleted from ${pipeline}`);
    this.target = target;
  }
}
