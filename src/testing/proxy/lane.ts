import type { Socket } from 'node:net';

interface Parcel {
  readonly bytes: Buffer;
  readonly dueAt: number;
  readonly trickle: boolean;
  readonly sent?: (() => void) | undefined;
}

/** One direction of a connection: delivers in order, late, held, or byte by byte, as it is told. */
export class Lane {
  readonly #to: Socket;
  readonly #queue: Parcel[] = [];
  #latencyMs: () => number;
  #held = false;
  #busy = false;
  #ending = false;

  constructor(to: Socket, latencyMs: () => number) {
    this.#to = to;
    this.#latencyMs = latencyMs;
  }

  /** Delivers after what is queued already. `sent` is called when the bytes were handed to the system. */
  put(
    bytes: Buffer,
    how: { delayMs?: number; trickle?: boolean; sent?: (() => void) | undefined } = {},
  ): void {
    const delayMs = this.#latencyMs() + (how.delayMs ?? 0);
    const dueAt = delayMs > 0 ? performance.now() + delayMs : 0;
    this.#queue.push({ bytes, dueAt, trickle: how.trickle ?? false, sent: how.sent });
    if (!this.#busy) void this.#pump();
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (!this.#busy) void this.#pump();
  }

  /** Closes after what is queued was delivered. What a stall holds is never delivered. */
  end(): void {
    this.#ending = true;
    if (!this.#busy) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#busy = true;
    this.#to.cork();
    while (!this.#held && !this.#to.destroyed) {
      const parcel = this.#queue[0];
      if (!parcel) break;
      const waitMs = parcel.dueAt - performance.now();
      if (waitMs > 0) {
        this.#to.uncork();
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        this.#to.cork();
        continue;
      }
      this.#queue.shift();
      if (parcel.trickle) await this.#trickle(parcel.bytes);
      else this.#to.write(parcel.bytes);
      parcel.sent?.();
    }
    this.#to.uncork();
    if (this.#ending && this.#queue.length === 0) this.#to.end();
    this.#busy = false;
  }

  async #trickle(bytes: Buffer): Promise<void> {
    this.#to.uncork();
    for (let at = 0; at < bytes.length && !this.#to.destroyed; at++) {
      this.#to.write(bytes.subarray(at, at + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#to.cork();
  }
}
