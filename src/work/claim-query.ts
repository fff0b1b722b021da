import { AmbiguousCommitError, ConnectionLostError } from '../errors/index.ts';
import type {
  ClaimedRow,
  ClaimQuery,
  Executor,
  FinishedKeys,
  FinishQuery,
  Statement,
} from '../query/index.ts';
import type { Claimed } from './claim.ts';

/** Where single guarded statements run. */
export interface GuardedExecutor extends Executor {
  readonly system: 'postgresql' | 'cockroachdb';
  /** Several in one transaction and one flight: all or none. The last one's result. */
  executeTogether(statements: readonly Statement[]): ReturnType<Executor['execute']>;
}

/** A claim whose every candidate was lost to others is made again, so often at most. */
const MOST_TRIES = 3;
/** A finish whose answer was lost is sent again, so often at most. */
const MOST_SENDS = 5;

export interface ClaimCall<P> {
  readonly query: ClaimQuery<P>;
  readonly params: P;
  readonly sessionId: string;
  readonly wanted: number;
}

function claimStatement<P>(
  { query, params, sessionId, wanted }: ClaimCall<P>,
  system: GuardedExecutor['system'],
) {
  return query.statement({ ...params, sessionId, wanted: BigInt(wanted) }, system);
}

/** Runs a `:claim`: one statement, one round trip. Empty when there is nothing to do. */
export async function claimByQuery<P>(executor: GuardedExecutor, call: ClaimCall<P>): Promise<Claimed[]> {
  const statement = claimStatement(call, executor.system);
  for (let tries = 1; ; tries++) {
    const rows = call.query.decodeRows(
      await sentOnce(call.query.definition.name, () => executor.execute(statement)),
    );
    const { taken, lost } = sorted(call.query.process, rows);
    if (taken.length > 0 || !lost || tries >= MOST_TRIES) return taken;
  }
}

/** Runs a `:finish`: one statement, one round trip. Sent again when its answer is lost: a token finishes once. */
export async function finishByQuery<P>(
  executor: GuardedExecutor,
  query: FinishQuery<P>,
  params: P,
  keys: FinishedKeys,
): Promise<void> {
  const statement = query.statement({ ...params, ...keys }, executor.system);
  for (let sends = 1; ; sends++) {
    try {
      await executor.execute(statement);
      return;
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      if (sends >= MOST_SENDS) throw ambiguous(query.definition.name, error);
    }
  }
}

/** Both in one transaction and one flight: all that is finished is, and all that is claimed, or neither. */
export async function finishAndClaim<F, C>(
  executor: GuardedExecutor,
  finish: { readonly query: FinishQuery<F>; readonly params: F; readonly keys: FinishedKeys },
  claim: ClaimCall<C>,
): Promise<Claimed[]> {
  const statements = [
    finish.query.statement({ ...finish.params, ...finish.keys }, executor.system),
    claimStatement(claim, executor.system),
  ];
  const raw = await sentOnce(finish.query.definition.name, () => executor.executeTogether(statements));
  return sorted(claim.query.process, claim.query.decodeRows(raw)).taken;
}

function sorted(process: string, rows: readonly ClaimedRow[]): { taken: Claimed[]; lost: boolean } {
  const taken: Claimed[] = [];
  for (const { target, token, takenFrom, backoffSeconds } of rows) {
    if (target === null || token === null) continue;
    taken.push({
      target,
      token,
      backoffSeconds: backoffSeconds === null ? undefined : Number(backoffSeconds),
      takenFrom: takenFrom ?? undefined,
      keys: [{ process, target, token }],
    });
  }
  return { taken, lost: rows.some(({ target, token }) => target !== null && token === null) };
}

async function sentOnce<T>(name: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw error instanceof ConnectionLostError ? ambiguous(name, error) : error;
  }
}

const ambiguous = (name: string, cause: unknown) =>
  new AmbiguousCommitError(
    `the answer to ${name} was lost: what it may have claimed is held until the session is closed`,
    { cause },
  );
