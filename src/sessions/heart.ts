import { type Engine, type Pool, sendGuarded } from '../database/index.ts';
import { heartbeat } from '../queries/sessions.ts';
import type { LiveSession } from './live-session.ts';

/** A beat that was not answered is tried again after this part of the interval. */
const RETRY_FRACTION = 0.1;
/** A beat that is not answered within this part of the interval is given up and tried on a new connection. */
const TIMEOUT_FRACTION = 0.25;

/**
 * Keeps all sessions of one database handle alive with one statement a beat, however many they are, on a
 * connection of its own, so that no transaction can starve it.
 *
 * Each session is beaten at twice the needed rate. A failed beat is retried for as long as the sessions' own
 * local deadlines leave time; it never counts as a success. A session that the database did not extend is
 * expired.
 */
export class Heart {
  readonly #pool: Pool;
  readonly #engine: Engine;
  readonly #sessions = new Map<string, LiveSession>();
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #failures = 0;
  #beats = 0;

  constructor(pool: Pool, engine: Engine) {
    this.#pool = pool;
    this.#engine = engine;
  }

  /** How many heartbeat statements were sent; for tests and metrics. */
  get beats(): number {
    return this.#beats;
  }

  get sessions(): readonly LiveSession[] {
    return [...this.#sessions.values()];
  }

  add(session: LiveSession): void {
    this.#sessions.set(session.id, session);
    session.signal.addEventListener('abort', () => this.remove(session), { once: true });
    this.#schedule();
  }

  remove(session: LiveSession): void {
    this.#sessions.delete(session.id);
    if (this.#sessions.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Stops; what is being sent is waited for. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#sessions.clear();
    await this.#beating;
  }

  /** One statement for every session. Resolves when it was answered, refused or given up. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
      this.#schedule();
    });
    return this.#beating;
  }

  get #shortestIntervalMs(): number {
    let shortest = Infinity;
    for (const { intervalMs } of this.#sessions.values()) shortest = Math.min(shortest, intervalMs);
    return shortest;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sessions.size === 0 || this.#beating) return;
    let due = Infinity;
    for (const { aliveUntil, intervalMs } of this.#sessions.values())
      due = Math.min(due, aliveUntil - intervalMs / 2);
    const retryMs = this.#failures > 0 ? this.#shortestIntervalMs * RETRY_FRACTION : 0;
    this.#timer = setTimeout(() => void this.beat(), Math.max(retryMs, due - performance.now(), 0));
    this.#timer.unref();
  }

  async #beat(): Promise<void> {
    const sessions = this.sessions.filter((session) => !session.expired);
    if (sessions.length === 0) return;
    const sentAt = performance.now();
    try {
      const timeoutMs = Math.max(100, this.#shortestIntervalMs * TIMEOUT_FRACTION);
      const alive = new Set(await this.#send(sessions, sentAt + timeoutMs));
      for (const session of sessions) {
        if (alive.has(session.id)) session.extend(sentAt);
        else session.expire('the database no longer counts it as alive');
      }
      this.#failures = 0;
    } catch {
      // Whatever it was, the sessions' own deadlines decide how long it may go on.
      this.#failures++;
    }
  }

  async #send(sessions: readonly LiveSession[], deadline: number): Promise<string[]> {
    const connection = await this.#pool.acquire({ deadline });
    this.#beats++;
    let timer: NodeJS.Timeout | undefined;
    try {
      const statement = heartbeat.statement({ sessionIds: sessions.map(({ id }) => id) });
      const sent = sendGuarded(connection, this.#engine, statement);
      sent.catch(() => {});
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error('heartbeat not answered in time')),
          Math.max(0, deadline - performance.now()),
        );
      });
      const raw = await Promise.race([sent, late]);
      this.#pool.release(connection);
      return heartbeat.result(raw).map((row) => row.sessionId);
    } catch (error) {
      this.#pool.discard(connection);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
