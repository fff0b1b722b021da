/**
 * Whether a promise settles before timers and sockets have their next turn: what is quick is handed on together with what
 * comes behind it, and what is done never waits for something slow. One immediate serves all that ask in a turn.
 */
export class Turn {
  #immediate: NodeJS.Immediate | undefined;
  #wake = () => {};

  /** True: it has settled. False: its turn was over first; should it reject later, that is no unhandled rejection. */
  outruns(running: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const settled = () => resolve(true);
      running.then(settled, settled);
      this.begin(() => resolve(false));
    });
  }

  /** Calls `over` when the turn is over, instead of what was given before. */
  begin(over: () => void): void {
    this.#wake = over;
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#wake();
    });
  }

  cancel(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }
}
