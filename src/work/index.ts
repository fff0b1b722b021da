export { type Backoff, backoffSchema, nextBackoffSeconds } from './backoff.ts';
export { type Candidate, type Claimed, checkKind, claim, type ExclusionKey } from './claim.ts';
export {
  type ClaimCall,
  claimByQuery,
  type FinishCall,
  finishAndClaim,
  finishByQuery,
} from './claim-query.ts';
export { bucketOf, RotatingSlice, rotatingSlice } from './rotating-slice.ts';
export { sessionEnd } from './session-end.ts';
export type { GuardedExecutor } from './settle.ts';
export { sharedFinishes } from './shared-finishes.ts';
export { type Look, SharedSlice, sharedSlice } from './shared-slice.ts';
export { lostAmong, type Together } from './together.ts';
export { Work, type WorkHooks, type WorkResult, type WorkSession } from './work.ts';
