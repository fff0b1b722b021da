import { Doubling, jittered, LEAST_PATIENCE_MS, LONGEST_TIMER_MS, Service } from '../base/index.ts';
import type { Pool } from '../database/index.ts';
import { topicVersions } from '../queries/topics.ts';
import { checkTopic } from './announcement.ts';
import { Listener } from './listener.ts';

/** While it hears notifications it asks seldom: for those that a network has lost. */
const SELDOM_MS = 5_000;

/** Hears what is announced on a topic. Dispose of it when nobody waits any more. */
export interface Watch extends Disposable {
  /** Grows when something was announced. Read it, look at the database, and then wait for a greater one. */
  readonly heard: number;
  /**
   * Waits until it is greater than `heard`, at most `ms`, and until the signal aborts. True: it is. False may mean that it
   * was not told: look at the database again after `ms`.
   */
  changed(heard: number, ms: number, signal?: AbortSignal): Promise<boolean>;
}

export interface WaiterOptions {
  readonly pool: Pool;
  /** Between two looks at what was announced, while somebody waits. */
  readonly pollMs: number;
  /** Where it can listen; undefined where it can not. */
  readonly listenPool: Pool | undefined;
  readonly timeoutMs: number;
}

interface Topic {
  readonly name: string;
  heard: number;
  /** As the database had it last; undefined before the first look. */
  version: bigint | undefined;
  /** Everything announced since the watch began was heard. */
  isHeard: boolean;
  watches: number;
  readonly waits: Set<() => void>;
}

/**
 * Tells everybody in a process who waits for something in the database that it may have come. All of them share one
 * statement, sent at intervals while somebody waits, and on PostgreSQL one connection that listens: then those who wait
 * are told at once, and the statement is sent seldom. Nothing depends on being told: who waits also looks now and then.
 *
 * CockroachDB would tell by a core changefeed of the topics. v22.1, one node: 0.7 s after the commit, and 7 ms with
 * kv.closed_timestamp.target_duration at 100 ms; both only once an operator has set kv.rangefeed.enabled. A poll needs none
 * of it and is sooner than the first.
 */
export class Waiter {
  readonly #options: WaiterOptions;
  readonly #topics = new Map<string, Topic>();
  #service: Service | undefined;
  #listener: Listener | undefined;
  /** When the next look is due, by performance.now(). */
  #dueAt = -Infinity;

  constructor(options: WaiterOptions) {
    this.#options = options;
  }

  /** It hears notifications; for tests and metrics. */
  get listening(): boolean {
    return this.#listener?.listening ?? false;
  }

  /** Throws MisuseError. */
  watch(name: string): Watch {
    const topic = this.#topics.get(checkTopic(name)) ?? {
      name,
      heard: 0,
      version: undefined,
      isHeard: this.listening,
      watches: 0,
      waits: new Set(),
    };
    this.#topics.set(name, topic);
    topic.watches++;
    this.#begin();
    let over = false;
    return {
      get heard() {
        return topic.heard;
      },
      changed: (heard, ms, signal) => this.#wait(topic, heard, ms, signal),
      [Symbol.dispose]: () => {
        if (!over && --topic.watches === 0) this.#topics.delete(name);
        over = true;
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#service?.stop(), this.#listener?.stop()]);
  }

  #begin(): void {
    const { listenPool: pool, pollMs, timeoutMs } = this.#options;
    this.#service ??= new Service({
      turn: () => this.#ask(),
      recovery: new Doubling(pollMs, Math.max(pollMs, SELDOM_MS)),
    });
    if (!pool || this.#listener) return;
    this.#listener = new Listener({
      pool,
      timeoutMs,
      // What was announced before it heard, or is announced from now on, shows in the next look.
      onBegin: () => this.#askWithin(0),
      onEnd: () => {
        for (const topic of this.#topics.values()) topic.isHeard = false;
        this.#askWithin(jittered(pollMs));
      },
      onTopic: (name) => {
        const topic = this.#topics.get(name);
        if (topic) tellOf(topic);
      },
    });
  }

  #askWithin(ms: number): void {
    this.#dueAt = Math.min(this.#dueAt, performance.now() + ms);
    this.#service!.hurry(ms);
  }

  /** One statement for all topics that somebody waits for. One that it sees for the first time may have changed. */
  async #ask(): Promise<number> {
    const waiting = [...this.#topics.values()].filter(({ waits }) => waits.size > 0);
    if (waiting.length === 0) return Infinity;
    const early = this.#dueAt - performance.now();
    if (early > 0) return early;
    const statement = topicVersions.statement({ topics: waiting.map(({ name }) => name) });
    const deadline = performance.now() + LEAST_PATIENCE_MS;
    const raw = await this.#options.pool.use({ deadline }, (connection) => connection.send(statement));
    const { pollMs } = this.#options;
    const pauseMs = jittered(this.listening ? Math.max(pollMs, SELDOM_MS) : pollMs);
    this.#dueAt = performance.now() + pauseMs;
    const versions = new Map(topicVersions.result(raw).map(({ topic, version }) => [topic, version]));
    for (const topic of waiting) {
      const version = versions.get(topic.name) ?? 0n;
      const isNew = topic.version === undefined && topic.isHeard;
      if (topic.version !== version && !isNew) tellOf(topic);
      topic.version = version;
    }
    return pauseMs;
  }

  #wait(topic: Topic, heard: number, ms: number, signal?: AbortSignal): Promise<boolean> {
    if (topic.heard > heard) return Promise.resolve(true);
    if (ms <= 0 || signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        topic.waits.delete(end);
        resolve(topic.heard > heard);
      };
      const timer = setTimeout(end, Math.min(ms, LONGEST_TIMER_MS));
      signal?.addEventListener('abort', end, { once: true });
      topic.waits.add(end);
      this.#service!.hurry(Math.max(0, this.#dueAt - performance.now()));
    });
  }
}

function tellOf(topic: Topic): void {
  topic.heard++;
  for (const end of [...topic.waits]) end();
}
