import { AmbiguousCommitError, DatabaseError } from '../base/index.ts';
import {
  type ClaimCaller,
  type ClaimedRow,
  type ClaimQuery,
  type FinishedKeys,
  type FinishQuery,
  finishAndClaimStatement,
} from '../query/index.ts';
import { raised, SESSION_EXPIRED } from '../sessions/index.ts';
import { type Claimed, claimedFrom } from './claim.ts';
import { answerIsLost, type GuardedExecutor, mayBeVoid, persistently, settleClaim } from './settle.ts';
import { allFinished, LEASE_LOST } from './together.ts';

/** A claim whose every candidate was lost to others is made again, so often at most. */
const MOST_TRIES = 3;
const CLAIM_VOID = 'holdfast:claim-void';
const PROOFS = [SESSION_EXPIRED, LEASE_LOST];

export interface ClaimCall<P> {
  readonly query: ClaimQuery<P>;
  readonly params: P;
  readonly sessionId: string;
  readonly wanted: number;
  /** A number that no claim of the session has had. */
  readonly nextNumber: () => bigint;
}

export interface FinishCall<P> {
  readonly query: FinishQuery<P>;
  readonly params: P;
  readonly keys: FinishedKeys;
}

/**
 * Runs a `:claim`: one statement, one round trip. Empty when there is nothing to do. One whose answer is lost is
 * settled, and sent again if it took nothing; only while the session lives. Throws what the server said of one that it
 * did not carry out.
 */
export async function claimByQuery<P>(executor: GuardedExecutor, call: ClaimCall<P>): Promise<Claimed[]> {
  const { query } = call;
  for (let tries = 1; ; ) {
    const caller = callerOf(call);
    try {
      const raw = await executor.execute(query.statement({ ...call.params, ...caller }, executor.system));
      const { taken, lost } = sorted(query.kind, query.decodeRows(raw));
      if (taken.length > 0 || !lost || tries++ >= MOST_TRIES) return taken;
    } catch (error) {
      const { taken } = await afterFailure(executor, query, caller, error, () => executor.signal.reason);
      if (taken.length > 0) return taken;
      const refusal = refusalIn(error);
      if (refusal) throw refusal;
    }
  }
}

/**
 * Runs a `:finish`: one statement, one round trip. Sent again when its answer is lost, for a token finishes once:
 * that it was the first time then shows in the history.
 */
export async function finishByQuery<P>(executor: GuardedExecutor, call: FinishCall<P>): Promise<void> {
  const { query, params, keys } = call;
  const statement = query.statement({ ...params, ...keys }, executor.system);
  let lost: AmbiguousCommitError | undefined;
  const finished = () =>
    persistently(
      executor,
      () => allFinished(executor, query.kind, keys),
      () => lost,
    );
  const send = async () => {
    try {
      await executor.execute(statement);
    } catch (error) {
      if (answerIsLost(error)) lost ??= ambiguous(query, error);
      const refusal = refusalIn(error);
      if (!refusal) throw error;
      if (!(await finished())) throw refusal;
    }
  };
  try {
    await send();
  } catch (error) {
    if (!answerIsLost(error)) throw error;
    try {
      await persistently(executor, send, () => lost);
    } catch (again) {
      if (!PROOFS.some((proof) => raised(again, proof)) || !(await finished())) throw again;
    }
  }
}

/**
 * Both in one commit and one flight: all that is finished is, and all that is claimed, or neither. Where the claim
 * found nothing, `claimed` is empty, though the finish may have made something claimable.
 */
export async function finishAndClaim<F, C>(
  executor: GuardedExecutor,
  finish: FinishCall<F>,
  claim: ClaimCall<C>,
): Promise<Claimed[]> {
  const done = { ...finish.params, ...finish.keys };
  let lost: AmbiguousCommitError | undefined;
  for (;;) {
    const caller = callerOf(claim);
    const next = { ...claim.params, ...caller };
    try {
      const fused =
        executor.system === 'postgresql' && finishAndClaimStatement(finish.query, done, claim.query, next);
      const raw = await (fused
        ? executor.execute(fused)
        : executor.executeTogether([
            finish.query.statement(done, executor.system),
            claim.query.statement(next, executor.system),
          ]));
      return sorted(claim.query.kind, claim.query.decodeRows(raw)).taken;
    } catch (error) {
      const finished = () =>
        persistently(
          executor,
          () => allFinished(executor, finish.query.kind, finish.keys),
          () => lost,
        );
      if (lost && PROOFS.some((proof) => raised(error, proof))) {
        if (await finished()) return [];
        throw error;
      }
      if (answerIsLost(error)) lost ??= ambiguous(finish.query, error);
      const { taken, settled } = await afterFailure(executor, claim.query, caller, error, () => lost);
      if (taken.length > 0 || (settled && (await finished()))) return taken;
      const refusal = refusalIn(error);
      if (refusal) throw refusal;
    }
  }
}

const callerOf = <P>({ sessionId, wanted, nextNumber }: ClaimCall<P>): ClaimCaller => ({
  sessionId,
  wanted: BigInt(wanted),
  claimNumber: nextNumber(),
});

/** What the claim took all the same; throws what does not mean that it may be sent again. */
async function afterFailure(
  executor: GuardedExecutor,
  { kind }: { readonly kind: string },
  { sessionId, claimNumber }: ClaimCaller,
  error: unknown,
  giveUp: () => unknown,
): Promise<{ readonly taken: Claimed[]; readonly settled: boolean }> {
  if (raised(error, CLAIM_VOID) && mayBeVoid(executor, claimNumber)) return { taken: [], settled: false };
  if (!answerIsLost(error)) throw error;
  const call = { kind, sessionId, claimNumber };
  const taken = await persistently(executor, () => settleClaim(executor, call), giveUp);
  return { taken, settled: true };
}

function sorted(kind: string, rows: readonly ClaimedRow[]): { taken: Claimed[]; lost: boolean } {
  const taken: Claimed[] = [];
  for (const { target, token, ...more } of rows)
    if (target !== null && token !== null) taken.push(claimedFrom(kind, { target, token, ...more }));
  return { taken, lost: rows.some(({ target, token }) => target !== null && token === null) };
}

/**
 * What the server said of a statement, when it turns out that it was not carried out: a cancel, a timeout, its own
 * failure. Sent again it may be said again, for ever. "Result is ambiguous" says nothing of the next time.
 */
function refusalIn(error: unknown): DatabaseError | undefined {
  const said = error instanceof AmbiguousCommitError ? error.cause : undefined;
  return said instanceof DatabaseError && said.code !== '40003' ? said : undefined;
}

const ambiguous = (query: { readonly definition: { readonly name: string } }, cause: unknown) =>
  new AmbiguousCommitError(
    `the answer to ${query.definition.name} was lost, and the session ended before it could be told whether it was carried out`,
    { cause },
  );
