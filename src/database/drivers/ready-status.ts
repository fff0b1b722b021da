const READY = [0x5a, 0, 0, 0, 5] as const;
const LENGTH = READY.length + 1;

/**
 * The transaction status in the last ReadyForQuery of the server's bytes, for a driver that does not show it. The
 * server ends every answer with ReadyForQuery, so it is last when every statement is answered.
 */
export class ReadyStatus {
  #tail: Buffer = Buffer.alloc(0);
  #status = 'I';

  push(bytes: Buffer): void {
    const end = bytes.length >= LENGTH ? bytes : Buffer.concat([this.#tail, bytes]);
    this.#tail = end.subarray(Math.max(0, end.length - LENGTH));
    if (this.#tail.length < LENGTH || READY.some((byte, at) => this.#tail[at] !== byte)) return;
    this.#status = String.fromCharCode(this.#tail[LENGTH - 1]!);
  }

  get inTransaction(): boolean {
    return this.#status !== 'I';
  }
}
