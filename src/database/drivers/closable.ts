import { ConnectionLostError } from '../../base/index.ts';

/** The end of a connection: it happens once, is final, and calls the listeners. Both adapters extend it. */
export abstract class Closable {
  #closed: ConnectionLostError | undefined;
  #listeners: ((error: Error) => void)[] = [];

  get closed(): Error | undefined {
    return this.#closed;
  }

  onClose(listener: (error: Error) => void): void {
    if (this.#closed) listener(this.#closed);
    else this.#listeners.push(listener);
  }

  protected markClosed(error: Error): void {
    if (this.#closed) return;
    this.#closed =
      error instanceof ConnectionLostError ? error : new ConnectionLostError(error.message, { cause: error });
    for (const listener of this.#listeners.splice(0)) listener(this.#closed);
  }
}
