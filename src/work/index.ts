export { type Backoff, backoffSchema, nextBackoffSeconds } from './backoff.ts';
export { type Candidate, type Claimed, checkProcess, claim, type ExclusionKey } from './claim.ts';
export {
  claimByQuery,
  finishAndClaim,
  finishByQuery,
  type GuardedExecutor,
} from './claim-query.ts';
export { bucketOf, RotatingSlice, rotatingSlice } from './rotating-slice.ts';
export { lostAmong, type Together } from './together.ts';
export { Work, type WorkHooks, type WorkResult, type WorkSession } from './work.ts';
