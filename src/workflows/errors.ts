import { HoldfastError } from '../base/index.ts';

/** The transition cannot be fired from the state that the instance is in. Nothing was changed. */
export class InvalidWorkflowTransitionError extends HoldfastError {
  readonly code = 'HOLDFAST_INVALID_WORKFLOW_TRANSITION';
  readonly workflow: string;
  readonly target: string;
  /** Undefined: the initial state. */
  readonly state: string | undefined;

  constructor(workflow: string, target: string, state: string | undefined, why: string) {
    super(`${workflow} of ${target} is in ${state ?? 'its initial state'}: ${why}`);
    this.workflow = workflow;
    this.target = target;
    this.state = state;
  }
}

/** A transition is in flight: `synchronize`, or an operator, settles it first. Nothing was changed. */
export class TransitionInFlightError extends HoldfastError {
  readonly code = 'HOLDFAST_TRANSITION_IN_FLIGHT';
  readonly workflow: string;
  readonly target: string;
  readonly transition: string;

  constructor(workflow: string, target: string, transition: string) {
    super(`${workflow} of ${target} has ${transition} in flight: synchronize it first`);
    this.workflow = workflow;
    this.target = target;
    this.transition = transition;
  }
}

/**
 * For actions to throw: what was to be done cannot be done. The error transition fires where one is declared; else the
 * state stays. Whatever else an action throws leaves the transition in flight, to be run again.
 */
export class TransitionError extends HoldfastError {
  readonly code = 'HOLDFAST_TRANSITION_FAILED';
}

/** A target was started before with another key or other variables. Nothing was changed. */
export class WorkflowStartConflictError extends HoldfastError {
  readonly code = 'HOLDFAST_WORKFLOW_START_CONFLICT';
  readonly workflow: string;
  readonly targets: readonly string[];

  constructor(workflow: string, targets: readonly string[]) {
    super(
      `${workflow} was started with another key or other variables for ${targets.slice(0, 5).join(', ')}`,
    );
    this.workflow = workflow;
    this.targets = targets;
  }
}

/** There is no such instance. Nothing was changed. */
export class WorkflowNotFoundError extends HoldfastError {
  readonly code = 'HOLDFAST_WORKFLOW_NOT_FOUND';
  readonly workflow: string;
  readonly target: string;

  constructor(workflow: string, target: string) {
    super(`there is no ${workflow} of ${target}: start it first`);
    this.workflow = workflow;
    this.target = target;
  }
}

/** An operator's decision has to wait: a live session works on the instance. Nothing was changed. */
export class WorkflowHeldError extends HoldfastError {
  readonly code = 'HOLDFAST_WORKFLOW_HELD';
  readonly workflow: string;
  readonly target: string;
  readonly sessionId: string;

  constructor(workflow: string, target: string, sessionId: string) {
    super(`${workflow} of ${target} is held by session ${sessionId}: wait until it is given back`);
    this.workflow = workflow;
    this.target = target;
    this.sessionId = sessionId;
  }
}
