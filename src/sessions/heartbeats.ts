import { type Engine, type Pool, sendUrgent } from '../database/index.ts';
import { heartbeat } from '../queries/sessions.ts';
import type { LiveSession } from './live-session.ts';

/** The next heartbeat leaves this part of the shortest interval after one that failed, */
const AFTER_FAILURE = 0.1;
/** and this part after one that has not been answered yet: beside it, on another connection. */
const AFTER_SILENCE = 0.25;
/** As many as can be under way before the first of them is too old to count. */
export const HEARTBEAT_CONNECTIONS = 1 / AFTER_SILENCE;

/**
 * Keeps all sessions of one database handle alive with one statement each time, however many they are, on
 * connections of its own, so that no transaction can starve it.
 *
 * Each session is extended at twice the needed rate. An answer counts whenever it comes, by the time at which its
 * heartbeat was sent; until then the connection is kept. A failed heartbeat is repeated for as long as the sessions'
 * own local deadlines leave time; it never counts as a success. A session that the database did not extend is expired.
 */
export class Heartbeats {
  readonly #pool: Pool;
  readonly #engine: Engine;
  readonly #sessions = new Map<string, LiveSession>();
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #begunAt = -Infinity;
  #roundTripMs = 0;
  #sent = 0;

  constructor(pool: Pool, engine: Engine) {
    this.#pool = pool;
    this.#engine = engine;
  }

  /** How many heartbeat statements were sent; for tests and metrics. */
  get sent(): number {
    return this.#sent;
  }

  get sessions(): readonly LiveSession[] {
    return [...this.#sessions.values()];
  }

  add(session: LiveSession): void {
    this.#sessions.set(session.id, session);
    session.signal.addEventListener('abort', () => this.remove(session), { once: true });
    this.#openAhead(session);
    this.#schedule();
  }

  remove(session: LiveSession): void {
    this.#sessions.delete(session.id);
    if (this.#sessions.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Stops; the heartbeats that are under way are waited for. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#sessions.clear();
    await Promise.all(this.#underWay);
  }

  /** On a slow link opening a connection takes many times longer than a heartbeat: it begins at once. */
  #openAhead({ aliveUntil, intervalMs }: LiveSession): void {
    const startMs = performance.now() - (aliveUntil - intervalMs);
    const { idle, busy, opening } = this.#pool.stats;
    if (startMs < intervalMs / 20 || idle + busy + opening > 0) return;
    this.#pool.use({}, async () => {}).catch(() => {});
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sessions.size === 0) return;
    let due = Infinity;
    let shortestMs = Infinity;
    for (const { aliveUntil, intervalMs } of this.#sessions.values()) {
      // An answer that takes longer than a quarter of the interval is waited for in time.
      const slowMs = Math.max(0, this.#roundTripMs - intervalMs / 4);
      due = Math.min(due, aliveUntil - intervalMs / 2 - slowMs);
      shortestMs = Math.min(shortestMs, intervalMs);
    }
    const pauseMs = shortestMs * (this.#underWay.size > 0 ? AFTER_SILENCE : AFTER_FAILURE);
    const at = Math.max(due, this.#begunAt + pauseMs);
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, at - performance.now()));
    this.#timer.unref();
  }

  #begin(): void {
    const sessions = this.sessions.filter((session) => !session.expired);
    if (sessions.length === 0) return;
    this.#begunAt = performance.now();
    const running = this.#beat(sessions).finally(() => {
      this.#underWay.delete(running);
      this.#schedule();
    });
    this.#underWay.add(running);
    this.#schedule();
  }

  /** One statement for every session. Never throws: how long it may go on is up to the sessions' own deadlines. */
  async #beat(sessions: readonly LiveSession[]): Promise<void> {
    const statement = heartbeat.statement({ sessionIds: sessions.map(({ id }) => id) });
    let sentAt = 0;
    try {
      // Older than the longest interval it would extend nothing.
      const deadline = this.#begunAt + Math.max(...sessions.map(({ intervalMs }) => intervalMs));
      const raw = await this.#pool.use({ deadline }, (connection) => {
        this.#sent++;
        sentAt = performance.now();
        return sendUrgent(connection, this.#engine, statement);
      });
      this.#roundTripMs = performance.now() - sentAt;
      const alive = new Set(heartbeat.result(raw).map(({ sessionId }) => sessionId));
      for (const session of sessions) {
        if (alive.has(session.id)) session.extend(sentAt);
        else session.expire('the database no longer counts it as alive');
      }
    } catch {
      // The next one follows soon.
    }
  }
}
