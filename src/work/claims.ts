import { randomUUID } from 'node:crypto';
import { pause } from '../base/index.ts';
import { type BoundClaim, type ClaimCaller, finishAndClaimStatement } from '../query/index.ts';
import { retryDelayMs } from '../transact/index.ts';
import { refusalIn } from './refusal.ts';
import { answerIsLost, type GuardedExecutor, persistently, saidBy, settleClaim } from './settle.ts';
import type { Claimed, ClaimSource, SourceHost } from './source.ts';

/** A claim whose every candidate was lost to others is made again, so often at most. */
const MOST_TRIES = 3;

/** The session that claims. */
export interface Claimer extends SourceHost {
  /** A number that no claim of the session has had. */
  nextClaim(): bigint;
  /** The server says that the session is over: ends it here too, and gives the error that says so. */
  expired(): Error;
}

/**
 * Claims up to `wanted` from a source. Empty when there is nothing to do, or when others were faster three times in a
 * row. A claim whose answer was lost is settled, and made again if it took nothing, for `settleWithinMs` at most. Throws
 * what the server said of one that it did not carry out, and the session's end.
 */
export async function claimFrom(
  executor: GuardedExecutor,
  claimer: Claimer,
  source: ClaimSource,
  wanted: number,
): Promise<readonly Claimed[]> {
  if (source.take) return source.take((one) => claimFrom(executor, claimer, one, wanted), wanted);
  let losses = 0;
  let giveUpAt = Infinity;
  for (let tries = 1; ; ) {
    const look = await source.look(claimer, wanted);
    if (!look) return [];
    const caller = callerOf(claimer, wanted);
    try {
      const { taken, lost } = look.read(await executor.execute(look.statement(caller, executor.system)));
      if (taken.length > 0 || !lost || tries++ >= MOST_TRIES) return taken;
    } catch (error) {
      const why = refusalIn(error, source.query && caller.refusal);
      if (why === 'session-expired') throw claimer.expired();
      if (why === 'claim-torn' && tries++ >= MOST_TRIES) return [];
      // Void: another claim of this session was settled meanwhile. The next number is higher.
      if (why === 'claim-torn' || why === 'claim-void') continue;
      if (!answerIsLost(error)) throw error;
      const rows = await persistently(
        executor,
        () => settleClaim(executor, claimer.id, caller.claimNumber),
        () => (executor.signal.aborted ? executor.signal.reason : error),
      );
      const taken = look.settled(rows);
      if (taken.length > 0) return taken;
      const said = saidBy(error);
      if (said) throw said;
      if (losses++ === 0) giveUpAt = performance.now() + executor.settleWithinMs;
      if (performance.now() > giveUpAt) throw error;
      await pause(retryDelayMs(losses), executor.signal);
    }
  }
}

export const callerOf = (claimer: Claimer, wanted: number): ClaimCaller => ({
  sessionId: claimer.id,
  wanted: BigInt(wanted),
  claimNumber: claimer.nextClaim(),
  refusal: randomUUID(),
});

/** The statements that finish works and claim others in one commit and one round trip. */
export function finishAndClaim(
  system: GuardedExecutor['system'],
  [finish, keys]: Parameters<typeof finishAndClaimStatement> extends [infer F, infer K, ...unknown[]]
    ? readonly [F, K]
    : never,
  claim: BoundClaim,
  caller: ClaimCaller,
) {
  const fused = system === 'postgresql' && finishAndClaimStatement(finish, keys, claim, caller);
  return fused ? [fused] : [finish.statement(keys, system), claim.statement(caller, system)];
}
