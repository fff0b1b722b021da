import {
  AmbiguousCommitError,
  ConnectError,
  ConnectionLostError,
  DatabaseError,
  PoolTimeoutError,
  pause,
} from '../base/index.ts';
import { isOutage } from '../database/index.ts';
import { claimedBy, holdClaims, voidClaims } from '../queries/work.ts';
import type { Executor, Statement } from '../query/index.ts';
import { retryDelayMs } from '../transact/index.ts';

/** Where single guarded statements of a session run; each is cut when the session expires. */
export interface GuardedExecutor extends Executor {
  readonly system: 'postgresql' | 'cockroachdb';
  /** Several in one transaction and one round trip: all or none. The last one's result. */
  executeTogether(statements: readonly Statement[]): ReturnType<Executor['execute']>;
  /** Aborts when the session expires. */
  readonly signal: AbortSignal;
  /** Settling a lost answer is given up after so long. */
  readonly settleWithinMs: number;
}

/** The statement may or may not have been carried out. */
export const answerIsLost = (error: unknown): error is ConnectionLostError | AmbiguousCommitError =>
  error instanceof ConnectionLostError || error instanceof AmbiguousCommitError;

const isPassing = (error: unknown) =>
  answerIsLost(error) || error instanceof ConnectError || error instanceof PoolTimeoutError;

/**
 * Does what may be done any number of times until the database answers. Gives up when the session expires or
 * `settleWithinMs` is over, and throws what `giveUp` gives.
 */
export async function persistently<T>(
  { signal, settleWithinMs }: GuardedExecutor,
  act: () => Promise<T>,
  giveUp: () => unknown,
): Promise<T> {
  const deadline = performance.now() + settleWithinMs;
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted || performance.now() > deadline) throw giveUp();
      if (!isPassing(error)) throw error;
      await pause(retryDelayMs(tries + 1), signal).catch(() => {});
    }
  }
}

/**
 * What the server said of a statement whose error does not tell whether it was carried out: a cancel, a timeout, its own
 * failure. When it turns out that it was not, that is the error to throw: sent again, it may be said again for ever.
 * "Result is ambiguous", and a node that is cut off from its cluster, say nothing of the next time.
 */
export function saidBy(error: unknown): DatabaseError | undefined {
  const said = error instanceof AmbiguousCommitError ? error.cause : undefined;
  return said instanceof DatabaseError && said.code !== '40003' && !isOutage(said) ? said : undefined;
}

/**
 * The lock rows that a claim whose answer was lost has taken. Afterwards it takes nothing any more: first everything of
 * the session that is under way is waited for and all claims up to this number are made void, in the row that each of
 * them locks or reads; then the rows that carry its number are looked up. Others that this made void are made again.
 */
export async function settleClaim(executor: GuardedExecutor, sessionId: string, claim: bigint) {
  await executor.executeTogether([
    holdClaims.statement({ sessionId }),
    voidClaims.statement({ sessionId, claim }),
  ]);
  return claimedBy(executor, { sessionId, claim });
}
