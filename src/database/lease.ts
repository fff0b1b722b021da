import type { DriverConnection } from './driver.ts';
import type { AcquireOptions, Pool } from './pool.ts';

/**
 * A place for one connection of the pool. Its owner takes a connection when it needs one and gives it back, at the
 * latest when the lease is disposed of.
 */
export class Lease implements Disposable {
  readonly #pool: Pool;
  #connection: DriverConnection | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get connection(): DriverConnection | undefined {
    return this.#connection;
  }

  /** The connection that it has, or another one. Throws as `Pool.acquire`. */
  async take(options: AcquireOptions): Promise<DriverConnection> {
    this.#connection ??= await this.#pool.acquire(options);
    return this.#connection;
  }

  /** A connection that is not known to be idle is closed. */
  giveBack(idle = false): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection) return;
    if (idle) this.#pool.release(connection);
    else this.#pool.discard(connection);
  }

  /** Its server did not answer: the pool's idle connections to that host may be as silent, so they are closed. */
  giveBackSilent(): void {
    const { host, port } = this.#connection ?? {};
    this.giveBack();
    if (host !== undefined && port !== undefined) this.#pool.closeIdle(host, port);
  }

  [Symbol.dispose](): void {
    this.giveBack();
  }
}
