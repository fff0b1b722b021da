/** How an attempt, or a nested transaction, ended: `unknown` when the answer to its commit was lost. */
export type Outcome = 'committed' | 'rolled-back' | 'unknown';
export type Hook = (outcome: Outcome) => void | Promise<void>;

interface Entry {
  /** The scope whose outcome it waits for. */
  readonly owner: object;
  readonly on: readonly Outcome[];
  readonly hook: Hook;
}

/**
 * The callbacks that wait for the outcome of an attempt. Each runs once at most: the hook of a nested transaction that
 * was rolled back alone does not run again when the whole ends.
 */
export class Hooks {
  #entries: Entry[] = [];

  add(owner: object, on: readonly Outcome[], hook: Hook): void {
    this.#entries.push({ owner, on, hook });
  }

  /** A user's onRollback waits: it may take its time, and want a connection. */
  get awaitRollback(): boolean {
    return this.#entries.some(({ on }) => on.length === 1 && on[0] === 'rolled-back');
  }

  /** Runs, in order, the hooks of these owners (of all by default) that wait for this outcome. Never throws. */
  async settle(outcome: Outcome, isOf: (owner: object) => boolean = () => true): Promise<void> {
    const settled = this.#entries.filter(({ owner }) => isOf(owner));
    this.#entries = this.#entries.filter(({ owner }) => !isOf(owner));
    for (const { on, hook } of settled) {
      if (!on.includes(outcome)) continue;
      try {
        await hook(outcome);
      } catch (error) {
        // The outcome stands; a hook cannot change it.
        process.emitWarning(error instanceof Error ? error : String(error), 'HoldfastHookWarning');
      }
    }
  }
}
