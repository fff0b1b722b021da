export {
  type Backoff,
  backoffDelayMs,
  backoffSchema,
  DEFAULT_BACKOFF,
  nextBackoffSeconds,
} from './backoff.ts';
export { runControlLoop } from './control-loop.ts';
export { describeFailure } from './describe-failure.ts';
export type { WorkResult } from './held-work.ts';
export { type KindOptions, type Kinds, kindsOf } from './kinds.ts';
export type {
  ControlLoop,
  ControlLoopOptions,
  Handle,
  LoopPhase,
  LoopState,
} from './loop-options.ts';
export type { FailOptions, FinishOptions, ParkUntil } from './options.ts';
export { bucketOf } from './rotating.ts';
export { Session, type SessionHost } from './session.ts';
export { SessionStatements } from './session-statements.ts';
export { answerIsLost, type GuardedExecutor, persistently } from './settle.ts';
export {
  type Candidate,
  type CandidateSource,
  type Candidates,
  checkKind,
  type ExclusionKey,
  GROUP,
  RotatingSource,
  rotating,
  type Source,
} from './source.ts';
export { Work } from './work.ts';
