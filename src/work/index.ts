export { type Backoff, backoffSchema, nextBackoffSeconds } from './backoff.ts';
export { type Candidate, type Claimed, checkProcess, claim, type ExclusionKey } from './claim.ts';
export { Work, type WorkHooks, type WorkResult, type WorkSession } from './work.ts';
