import { pause } from '../base/index.ts';
import { type Engine, type Pool, runGuarded } from '../database/index.ts';
import { deleteSettledMarkers, insertMarker, resolveMarker } from '../queries/markers.ts';
import type { Statement } from '../query/index.ts';
import { retryDelayMs } from './contention.ts';

/** Longest wait for the true outcome when the caller set no deadline and no session lives. */
const ASK_WITHIN_MS = 30_000;
/** Time to ask even when the deadline has passed: it is often the deadline that ended the wait for the commit. */
const ASK_LEAST_MS = 2_000;
/** A server that does not answer is asked again on another connection. */
const ONE_TRY_MS = 5_000;

const FLUSH_AT = 500;
const FLUSH_AFTER_MS = 5_000;
const FLUSH_WITHIN_MS = 2_000;

/** The statement that is sent with COMMIT. It fails, so that nothing commits, once the marker was resolved. */
export function markerStatement(markerId: string): Statement {
  return insertMarker.statement({ markerId });
}

/** How long to ask. */
export interface Patience {
  /** A reading of performance.now(), Infinity when the caller set none. */
  readonly deadline: number;
  /** Aborts when the session that the transaction runs under has ended. */
  readonly session: AbortSignal | undefined;
}

/**
 * Asks `resolveAmbiguity` until it is answered; undefined when time ran out. Without a deadline it asks for as long as
 * the session lives: a live session must know what its transactions took.
 */
export async function askMarker(
  pool: Pool,
  engine: Engine,
  markerId: string,
  { deadline, session }: Patience,
): Promise<boolean | undefined> {
  const now = performance.now();
  const last = Math.max(Math.min(deadline, now + ASK_WITHIN_MS), now + ASK_LEAST_MS);
  const until = () => (deadline === Infinity && session?.aborted === false ? Infinity : last);
  for (let tries = 1; performance.now() < until(); tries++) {
    try {
      const patience = Math.min(until(), performance.now() + ONE_TRY_MS);
      return await resolveAmbiguity(pool, engine, markerId, patience);
    } catch {
      await pause(Math.min(retryDelayMs(tries + 1), Math.max(0, until() - performance.now())));
    }
  }
  return undefined;
}

/**
 * The true outcome of an ambiguous commit: true when it was applied. Puts the marker's row there itself if it
 * is missing, which waits for a transaction that still holds it and keeps a late one from ever committing.
 */
async function resolveAmbiguity(
  pool: Pool,
  engine: Engine,
  markerId: string,
  deadline: number,
): Promise<boolean> {
  const raw = await runGuarded(pool, engine, [resolveMarker.statement({ markerId })], { deadline });
  return resolveMarker.result(raw).committed;
}

/**
 * Deletes the markers of transactions whose outcome is known, many at a time, outside of any transaction's way. The
 * janitor deletes those that a crash leaves behind.
 */
export class SettledMarkers {
  readonly #pool: Pool;
  readonly #engine: Engine;
  #ids: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: Pool, engine: Engine) {
    this.#pool = pool;
    this.#engine = engine;
  }

  add(markerId: string): void {
    this.#ids.push(markerId);
    if (this.#ids.length >= FLUSH_AT) void this.flush();
    else if (!this.#timer) {
      this.#timer = setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
      this.#timer.unref();
    }
  }

  /** Deletes what has gathered. Never throws: a marker that stays does no harm. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const markerIds = this.#ids;
    if (markerIds.length === 0) return;
    this.#ids = [];
    const deadline = performance.now() + FLUSH_WITHIN_MS;
    const statement = deleteSettledMarkers.statement({ markerIds });
    await runGuarded(this.#pool, this.#engine, [statement], { deadline }).catch(() => {});
  }
}
