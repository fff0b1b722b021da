const MOST_AGENTS = 20_000;

/**
 * Agents whose key the database accepted, with the highest nonce accepted here: what it would refuse need not ask it. What
 * it accepts is for it alone to say, since a key may be another's by now.
 */
export class KnownAgents {
  readonly #nonces = new Map<string, bigint>();

  /** Undefined for an agent that is not known. */
  lastNonce(agent: string): bigint | undefined {
    return this.#nonces.get(agent);
  }

  accepted(agent: string, nonce: bigint): void {
    const last = this.#nonces.get(agent) ?? nonce;
    this.#nonces.delete(agent);
    this.#nonces.set(agent, nonce > last ? nonce : last);
    if (this.#nonces.size > MOST_AGENTS) this.#nonces.delete(this.#nonces.keys().next().value!);
  }

  forget(agent: string): void {
    this.#nonces.delete(agent);
  }
}
