import { jittered, Service } from '../base/index.ts';
import { askSimply, type DriverConnection, detectOn, Lease, type Pool } from '../database/index.ts';

/** Before it connects again. */
const AGAIN_MS = 1_000;

export interface ListenerOptions {
  /** Of one connection. */
  readonly pool: Pool;
  /** Longest wait for an answer. */
  readonly timeoutMs: number;
  /** It begins to hear, or does so again. What was announced before it did not hear. */
  onBegin(): void;
  onEnd(): void;
  onTopic(topic: string): void;
}

/**
 * LISTEN on a connection of its own (PostgreSQL), made anew whenever it is lost. A pooler would give the LISTEN to one of
 * its server connections and the notifications to nobody: it does not listen through one, which shows in a process id
 * that is not the server's.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #service: Service;
  #listening = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#service = new Service({ turn: (stopping) => this.#listen(stopping) });
  }

  get listening(): boolean {
    return this.#listening;
  }

  async stop(): Promise<void> {
    await this.#service.stop();
    await this.#options.pool.close(0);
  }

  async #listen(stopping: AbortSignal): Promise<number> {
    const { pool, timeoutMs, onBegin, onEnd, onTopic } = this.#options;
    using lease = new Lease(pool);
    const connection = await lease.take({ signal: stopping });
    const over = ended(connection, stopping);
    if (!(await detectOn(connection, timeoutMs)).isDirect) return Infinity;
    connection.onNotification(onTopic);
    await askSimply(connection, 'LISTEN holdfast', timeoutMs);
    this.#listening = true;
    try {
      onBegin();
      await over;
    } finally {
      this.#listening = false;
      onEnd();
    }
    return jittered(AGAIN_MS);
  }
}

const ended = (connection: DriverConnection, stopping: AbortSignal) =>
  new Promise<void>((resolve) => {
    connection.onClose(() => resolve());
    stopping.addEventListener('abort', () => resolve(), { once: true });
  });
