import type { Candidates, Session, Work } from '../../src/index.ts';

/** Up to `wanted` works of candidates that a function gives. */
export const claimMany = (session: Session, kind: string, wanted: number, candidates: Candidates) =>
  session.claim({ kind, candidates }, { wanted });

/** One, or undefined when none is free. */
export async function claimOne(
  session: Session,
  kind: string,
  candidates: Candidates,
): Promise<Work | undefined> {
  const [work] = await claimMany(session, kind, 1, candidates);
  return work;
}
