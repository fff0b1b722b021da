import {
  AmbiguousCommitError,
  ConnectError,
  ConnectionLostError,
  PoolTimeoutError,
  pause,
} from '../base/index.ts';
import { claimedBy, holdClaims, voidClaims } from '../queries/work.ts';
import type { Executor, Statement } from '../query/index.ts';
import { retryDelayMs } from '../transact/index.ts';
import { type Claimed, claimedFrom } from './claim.ts';

/** Where single guarded statements of a session run; each is cut when the session expires. */
export interface GuardedExecutor extends Executor {
  readonly system: 'postgresql' | 'cockroachdb';
  /** Several in one transaction and one flight: all or none. The last one's result. */
  executeTogether(statements: readonly Statement[]): ReturnType<Executor['execute']>;
  /** Aborts when the session expires. */
  readonly signal: AbortSignal;
}

/** The statement may or may not have been carried out. */
export const answerIsLost = (error: unknown): error is ConnectionLostError | AmbiguousCommitError =>
  error instanceof ConnectionLostError || error instanceof AmbiguousCommitError;

const isPassing = (error: unknown) =>
  answerIsLost(error) || error instanceof ConnectError || error instanceof PoolTimeoutError;

/**
 * Does what may be done any number of times until the database answers. Gives up when the session expires, and
 * throws what `giveUp` gives.
 */
export async function persistently<T>(
  { signal }: GuardedExecutor,
  act: () => Promise<T>,
  giveUp: () => unknown,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted) throw giveUp();
      if (!isPassing(error)) throw error;
      await pause(retryDelayMs(tries), signal).catch(() => {});
    }
  }
}

/** Highest number of a claim of theirs that was made void, or is about to be. */
const voided = new WeakMap<GuardedExecutor, bigint>();

/**
 * Whether a claim that says so can have been made void: only its own session does that, so it is known here. A value of
 * a user's that does not cast may read like that refusal, and the claim would be sent again for ever.
 */
export const mayBeVoid = (executor: GuardedExecutor, claimNumber: bigint) =>
  claimNumber <= (voided.get(executor) ?? 0n);

/**
 * What a claim whose answer was lost has taken. Afterwards it takes nothing any more: first everything of the
 * session that is under way is waited for and all claims up to this number are made void, in the row that each of
 * them locks or reads; then the rows that carry its number are looked up. Others that this made void are sent again.
 */
export async function settleClaim(
  executor: GuardedExecutor,
  call: { readonly kind: string; readonly sessionId: string; readonly claimNumber: bigint },
): Promise<Claimed[]> {
  const { kind, sessionId, claimNumber: claim } = call;
  if (!mayBeVoid(executor, claim)) voided.set(executor, claim);
  await executor.executeTogether([
    holdClaims.statement({ sessionId }),
    voidClaims.statement({ sessionId, claim }),
  ]);
  const rows = await claimedBy(executor, { sessionId, claim });
  return rows.map((row) => claimedFrom(kind, row));
}
