import { ConnectionLostError } from '../../base/index.ts';

/** Death of a connection: happens once, is final, and tells its listeners. Both adapters extend it. */
export abstract class Mortal {
  #dead: ConnectionLostError | undefined;
  #listeners: ((error: Error) => void)[] = [];

  get dead(): Error | undefined {
    return this.#dead;
  }

  onDeath(listener: (error: Error) => void): void {
    if (this.#dead) listener(this.#dead);
    else this.#listeners.push(listener);
  }

  protected die(error: Error): void {
    if (this.#dead) return;
    this.#dead =
      error instanceof ConnectionLostError ? error : new ConnectionLostError(error.message, { cause: error });
    for (const listener of this.#listeners.splice(0)) listener(this.#dead);
  }
}
