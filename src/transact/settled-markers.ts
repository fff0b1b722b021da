import { type Engine, type Pool, runGuarded } from '../database/index.ts';
import { deleteSettledMarkers } from '../queries/markers.ts';

const FLUSH_AT = 500;
const FLUSH_AFTER_MS = 5_000;
const FLUSH_WITHIN_MS = 2_000;

/**
 * Markers of transactions whose outcome is known are of no more use. They are deleted many at a time, off the
 * path of any transaction; what a crash leaves behind is the janitor's.
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
