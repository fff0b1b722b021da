import { ConnectionLostError, DatabaseError, type HoldfastError } from '../../base/index.ts';

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

  abstract destroy(reason?: Error): void;

  /**
   * The error of a statement. One that ended the connection ends it here, too; when something else ended it, such as an
   * answer that cannot be read, drivers tell the statement only that the connection is gone: what ended it is the reason.
   */
  protected lostBy(failure: HoldfastError): HoldfastError {
    if (!(failure instanceof ConnectionLostError)) return failure;
    const closed = this.#closed;
    this.destroy(failure);
    return failure.cause instanceof DatabaseError ? failure : (closed ?? failure);
  }

  protected markClosed(error: Error): void {
    if (this.#closed) return;
    this.#closed =
      error instanceof ConnectionLostError ? error : new ConnectionLostError(error.message, { cause: error });
    for (const listener of this.#listeners.splice(0)) listener(this.#closed);
  }
}
