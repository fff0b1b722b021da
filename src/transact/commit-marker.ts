import { type Engine, type Pool, runGuarded } from '../database/index.ts';
import { insertMarker, resolveMarker } from '../queries/markers.ts';
import type { Statement } from '../query/index.ts';

/** The statement that travels with COMMIT. Fails, so that nothing commits, once the marker was resolved. */
export function markerStatement(markerId: string): Statement {
  return insertMarker.statement({ markerId });
}

/**
 * The true outcome of an ambiguous commit: true when it was applied. Puts the marker's row there itself if it
 * is missing, which waits for a transaction that still holds it and keeps a late one from ever committing.
 */
export async function resolveAmbiguity(
  pool: Pool,
  engine: Engine,
  markerId: string,
  deadline: number,
): Promise<boolean> {
  const raw = await runGuarded(pool, engine, [resolveMarker.statement({ markerId })], { deadline });
  return resolveMarker.result(raw).committed;
}
