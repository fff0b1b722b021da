/**
 * Cuts a byte stream of the PostgreSQL protocol into whole messages. A client's stream begins with messages
 * that have no type byte (start-up, SSLRequest, CancelRequest); a server's does not.
 */
export class MessageSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #untyped: boolean;

  constructor(from: 'client' | 'server') {
    this.#untyped = from === 'client';
  }

  /** The messages that `bytes` completes. Bytes of an unfinished one are kept for the next call. */
  *push(bytes: Buffer): Generator<{ readonly bytes: Buffer; readonly typed: boolean }> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const typed = !this.#untyped;
      const header = typed ? 1 : 0;
      if (this.#rest.length < header + 4) return;
      const length = header + this.#rest.readInt32BE(header);
      if (this.#rest.length < length) return;
      const message = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(length);
      yield { bytes: message, typed };
    }
  }

  /** The start-up message has gone by: from now on every message has its type byte. */
  started(): void {
    this.#untyped = false;
  }
}
