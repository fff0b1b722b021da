/** Runs what is given to it one at a time, first come first served. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Something is under way or waits. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  take<T>(run: () => T | Promise<T>): Promise<T> {
    this.#waiting++;
    const mine = this.#last.then(run).finally(() => {
      this.#waiting--;
    });
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** Resolves when nothing is left, what was added meanwhile included. */
  async settled(): Promise<void> {
    while (this.busy) await this.#last;
  }
}
