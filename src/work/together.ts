import { InvalidOptionError, LeaseLostError } from '../base/index.ts';
import { finishedKeys, heldKeys } from '../queries/work.ts';
import type { Executor, FinishedKeys } from '../query/index.ts';
import type { HeldKey } from './claim.ts';

/** What HoldWork, ReleaseWork and every `:finish` raise when a token is no longer the current one. */
export const LEASE_LOST = 'holdfast:lease-lost';

/** Several claims that end together. */
export interface Together {
  readonly kind: string;
  readonly keys: FinishedKeys;
}

interface Claim {
  readonly kind: string;
  readonly target: string;
  readonly keys: readonly HeldKey[];
}

/** The parallel arrays of several claims of one process, one element a key. */
export function keysOf(sessionId: string, claims: readonly Claim[]): Together {
  const kind = claims[0]!.kind;
  const other = claims.find((claim) => claim.kind !== kind);
  if (other) throw new InvalidOptionError('works', `${kind} and ${other.kind} do not end together`);
  const keys = claims.flatMap((claim) => claim.keys);
  return {
    kind,
    keys: {
      sessionId,
      targets: claims.map(({ target }) => target),
      keyKinds: keys.map(({ kind }) => kind),
      keyTargets: keys.map(({ target }) => target),
      keyTokens: keys.map(({ token }) => token),
    },
  };
}

/** Which of the claims are no longer held, as the error that says so. */
export async function lostAmong<C extends Claim>(
  executor: Executor,
  sessionId: string,
  claims: readonly C[],
): Promise<{ readonly lost: readonly C[]; readonly error: LeaseLostError }> {
  const { kind, keys } = keysOf(sessionId, claims);
  const held = await heldKeys(executor, {
    kinds: keys.keyKinds,
    targets: keys.keyTargets,
    tokens: keys.keyTokens,
    sessionId,
  });
  const names = new Set(held.map((key) => JSON.stringify([key.kind, key.target])));
  const lost = claims.filter((claim) =>
    claim.keys.some((key) => !names.has(JSON.stringify([key.kind, key.target]))),
  );
  const some = lost.slice(0, 5).map(({ target }) => target);
  const error = new LeaseLostError(
    `${lost.length} of ${claims.length} claims of ${kind} were taken over, so none of them ended: ${some.join(', ')}`,
  );
  return { lost, error };
}

/** Whether the history says that this session has finished every one of them. */
export async function allFinished(executor: Executor, kind: string, keys: FinishedKeys): Promise<boolean> {
  const own = keys.keyTargets.flatMap((_, i) => (keys.keyKinds[i] === kind ? [i] : []));
  const { finished } = await finishedKeys(executor, {
    kinds: own.map((i) => keys.keyKinds[i]!),
    targets: own.map((i) => keys.keyTargets[i]!),
    tokens: own.map((i) => keys.keyTokens[i]!),
    sessionId: keys.sessionId,
  });
  return finished >= BigInt(own.length);
}
