/** How much somebody may ask for: `burst` at once, then so many a second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Beyond these, the one that asked longest ago is forgotten, as if it had never asked. */
const MOST_ASKERS = 20_000;

/** Limits how often each of many may ask: a token bucket each. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Whether `asker` may ask now; counts it when it may. */
  take(asker: string, nowMs = performance.now()): boolean {
    const { burst, perSecond } = this.#rate;
    const { tokens, atMs } = this.#buckets.get(asker) ?? { tokens: burst, atMs: nowMs };
    const left = Math.min(burst, tokens + ((nowMs - atMs) / 1000) * perSecond);
    const may = left >= 1;
    this.#buckets.delete(asker);
    this.#buckets.set(asker, { tokens: may ? left - 1 : left, atMs: nowMs });
    if (this.#buckets.size > MOST_ASKERS) this.#buckets.delete(this.#buckets.keys().next().value!);
    return may;
  }
}
