/** What became of an attempt, or of a part of one: `unknown` when the answer to its commit was lost. */
export type Outcome = 'committed' | 'rolled-back' | 'unknown';
export type Hook = (outcome: Outcome) => void | Promise<void>;

interface Entry {
  /** The scope whose fate it waits for. */
  readonly owner: object;
  readonly on: readonly Outcome[];
  readonly hook: Hook;
}

/**
 * What an attempt's callback wants done when its outcome is there. Whatever is settled is forgotten, so a hook of a
 * part that was undone has no second turn when the whole ends.
 */
export class Hooks {
  #entries: Entry[] = [];

  add(owner: object, on: readonly Outcome[], hook: Hook): void {
    this.#entries.push({ owner, on, hook });
  }

  /** A hook of a user's waits for a rollback: it may take its time, and want a connection. */
  get awaitRollback(): boolean {
    return this.#entries.some(({ on }) => on.length === 1 && on[0] === 'rolled-back');
  }

  /** Runs, in their order, what waits for this outcome of these owners; of all of them unless told. Never throws. */
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
