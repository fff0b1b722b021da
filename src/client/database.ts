import { hostname } from 'node:os';
import { v4 as uuidv4 } from 'uuid';
import {
  assertStatement,
  checkOptions,
  DatabaseClosedError,
  LEAST_PATIENCE_MS,
  within,
} from '../base/index.ts';
import {
  ambiguousIfApplied,
  type ClaimPool,
  type Engine,
  noteState,
  type Pool,
  refuseLeftovers,
  runGuarded,
} from '../database/index.ts';
import { checkSchema } from '../migrate/index.ts';
import { closeSessions, startSession } from '../queries/sessions.ts';
import type { Executor, RawResult, Statement } from '../query/index.ts';
import { Heartbeats, LiveSession, type SessionOptions, sessionOptionsSchema } from '../sessions/index.ts';
import { DEFAULT_INTERVAL_MS } from '../sessions/options.ts';
import { COMPONENT, inSpan, type Telemetry } from '../telemetry/index.ts';
import { announcement, checkTopic, type Waiter, type Watch } from '../topics/index.ts';
import { type TransactionBody, type TransactOptions, Transactor } from '../transact/index.ts';
import {
  type Kinds,
  kindsOf,
  Session,
  type SessionHost,
  SessionStatements,
  type Work,
  type WorkResult,
} from '../work/index.ts';

/** An operator's statement that is not answered within this is given up. */
const OPERATOR_PATIENCE_MS = 30_000;

/** What connect() puts together. */
export interface DatabaseParts {
  readonly pool: Pool;
  /** For heartbeats alone, so that busy transactions cannot starve them. */
  readonly heartbeatPool: Pool;
  readonly claims: ClaimPool;
  readonly engine: Engine;
  readonly telemetry: Telemetry;
  readonly waiter: Waiter;
  readonly url: string;
  /** For how long closing waits for what is under way. */
  readonly closeTimeoutMs: number;
  readonly onClose: () => Promise<void>;
}

/**
 * A database that Holdfast works on: transactions, sessions, single statements. Made by `connect`; `await using`
 * closes it. Compiled queries run on it as they run on a transaction.
 */
export class Database implements Executor {
  readonly #parts: DatabaseParts;
  readonly #transactor: Transactor;
  readonly #heartbeats: Heartbeats;
  readonly #sessions = new Map<string, Session>();
  readonly #starting = new Set<Promise<Session>>();
  #deletion: { readonly ids: string[]; readonly done: Promise<unknown> } | undefined;
  #closing: Promise<void> | undefined;
  #schemaChecked: Promise<void> | undefined;

  constructor(parts: DatabaseParts) {
    this.#parts = parts;
    this.#transactor = new Transactor(parts.pool, parts.engine, parts.telemetry);
    this.#heartbeats = new Heartbeats(parts.heartbeatPool, parts.engine);
  }

  /** Which server this is and what it can do. */
  get engine(): Engine {
    return this.#parts.engine;
  }

  /** `pg` or `postgres`: the npm package that talks to the server. */
  get driver(): 'pg' | 'postgres' {
    return this.#parts.pool.driverName;
  }

  /** The URL in use, password included: for handing to child processes, not for logs. */
  get url(): string {
    return this.#parts.url;
  }

  /** Connections by state, heartbeat statements sent so far, and whether it hears notifications. */
  get stats() {
    const { pool, claims, waiter } = this.#parts;
    const [main, own] = [pool.stats, claims.own?.stats];
    const sum = (state: keyof typeof main) => main[state] + (own?.[state] ?? 0);
    return {
      idle: sum('idle'),
      busy: sum('busy'),
      opening: sum('opening'),
      waiting: sum('waiting'),
      heartbeats: this.#heartbeats.sent,
      listening: waiter.listening,
    };
  }

  /**
   * One implicit statement on its own: one round trip, not retried, not fenced. Values are text, bound; rows come
   * as text. Throws DatabaseError when the server refuses it; ConnectionLostError, or AmbiguousCommitError when the
   * server's error does not tell (a cancel on CockroachDB may have come too late; what begins with SELECT is taken for
   * reading), when it is not known whether it took effect; PoolTimeoutError or ConnectError when it was
   * not sent; MisuseError for what would stay with the connection (BEGIN, SET and the like), and for COPY
   * with STDIN or STDOUT.
   */
  async execute(statement: Statement): Promise<RawResult> {
    const { pool, engine, telemetry } = this.#parts;
    assertStatement(statement);
    refuseLeftovers(statement.text);
    try {
      return await pool.use({}, (connection) => {
        noteState(connection, engine, statement.text);
        return telemetry.statement(statement, connection, () => connection.send(statement));
      });
    } catch (error) {
      throw ambiguousIfApplied(engine, [statement])(error);
    }
  }

  /** What operators and programs decide about kinds of work: policies, pause, resume, release, wake. */
  readonly kinds: Kinds = kindsOf({
    execute: (statement) => this.guardedWithin(OPERATOR_PATIENCE_MS).execute(statement),
    announce: (kind) => this.announce(kind),
  });

  /**
   * Runs statements whose own conditions make them right whatever runs beside them, each on its own, in one
   * round trip: READ COMMITTED on PostgreSQL, implicit on CockroachDB, retried on serialization failures. One that
   * only reads (what begins with SELECT is taken for that) is sent again when its connection is lost, or leads to a node that is
   * cut off from its cluster. A statement that is not answered within so many milliseconds is given up.
   */
  guardedWithin(ms: number, begins?: () => void): Executor {
    const { pool, engine, telemetry } = this.#parts;
    return {
      execute: (statement) =>
        telemetry.statement(statement, undefined, () =>
          runGuarded(pool, engine, [statement], { deadline: performance.now() + ms, begins }),
        ),
    };
  }

  /**
   * A transaction that no session fences: for programs that are nobody's worker, and for reading. Workers want
   * `session.transact` or `work.transact`. `body` runs once for each attempt and must have no effects outside of
   * the database. Inside of another transaction's callback it joins that one, under a savepoint.
   *
   * Throws RetriesExhaustedError or DeadlineExceededError (nothing was committed), AmbiguousCommitError (not
   * known), or the very object that `body` threw (rolled back).
   */
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T> {
    return this.#transactor.transact(body, options);
  }

  /**
   * Tells all who watch these topics, in every process, to look at the database again; control loops watch their kind.
   * One statement on its own: inside of a transaction use `tx.announce`, which tells them when it has committed. Throws
   * MisuseError, and what a statement throws.
   */
  async announce(...topics: string[]): Promise<void> {
    topics.forEach(checkTopic);
    if (topics.length === 0) return;
    const statement = announcement(this.engine.system, topics);
    await this.guardedWithin(OPERATOR_PATIENCE_MS).execute(statement);
  }

  /** Hears what is announced on a topic from now on. Throws MisuseError or DatabaseClosedError. */
  watch(topic: string): Watch {
    if (this.#closing) throw new DatabaseClosedError();
    return this.#parts.waiter.watch(topic);
  }

  /**
   * Starts a session and keeps it alive until it is closed or expires. All sessions of a handle share one
   * heartbeat statement on connections of their own. The first one checks that the schema is the one that this
   * release was made for: SchemaVersionError, which says what to run, when it is not. Throws MisuseError
   * naming the wrong option.
   */
  async startSession(options: SessionOptions): Promise<Session> {
    if (this.#closing) throw new DatabaseClosedError();
    const starting = this.#startSession(options);
    this.#starting.add(starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  async #startSession(options: SessionOptions): Promise<Session> {
    const { component, instance, intervalMs } = checkOptions(sessionOptionsSchema, options);
    const interval = intervalMs ?? DEFAULT_INTERVAL_MS;
    const sessionId = uuidv4();
    await this.#checkSchema(interval);
    let sentAt = 0;
    const executor = this.guardedWithin(Math.max(interval, LEAST_PATIENCE_MS), () => {
      sentAt = performance.now();
    });
    const names = { [COMPONENT]: component };
    await inSpan('start session', names, () =>
      startSession(executor, {
        sessionId,
        component,
        instance: instance ?? `${hostname()} pid ${process.pid}`,
        intervalMs: BigInt(interval),
      }),
    );
    const live = new LiveSession(sessionId, component, interval, sentAt);
    if (this.#closing || live.expired) {
      // The handle goes away, and sends no heartbeats; or the answer took longer than the interval.
      await this.#deleteSession(sessionId).catch(() => {});
      throw this.#closing ? new DatabaseClosedError() : live.signal.reason;
    }
    this.#heartbeats.add(live);
    this.#parts.telemetry.sessionStarted(live.component);
    const session = new Session(live, this.#host);
    this.#sessions.set(session.id, session);
    live.signal.addEventListener('abort', () => this.#sessions.delete(live.id), { once: true });
    return session;
  }

  /**
   * Closes every session, waits for what is under way, up to `closeTimeoutMs`, closes all connections, and ends the
   * embedded server if `connect` started one. Stop control loops and janitors first. Later calls throw DatabaseClosedError.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Once a handle; again after a failure, for somebody may have migrated meanwhile. */
  #checkSchema(withinMs: number): Promise<void> {
    const { pool } = this.#parts;
    const executor = {
      execute: (statement: Statement) =>
        pool.use({ deadline: performance.now() + Math.max(withinMs, LEAST_PATIENCE_MS) }, (connection) =>
          connection.send(statement),
        ),
    };
    this.#schemaChecked ??= checkSchema(executor).catch((error) => {
      this.#schemaChecked = undefined;
      throw error;
    });
    return this.#schemaChecked;
  }

  async #close(): Promise<void> {
    const { pool, claims, heartbeatPool, closeTimeoutMs } = this.#parts;
    const until = performance.now() + closeTimeoutMs;
    const leftMs = () => Math.max(0, until - performance.now());
    await within(leftMs(), Promise.allSettled([...this.#starting]));
    const sessions = [...this.#sessions.values()].map((session) => session.close());
    await within(leftMs(), Promise.allSettled(sessions));
    await within(leftMs(), Promise.all([this.#heartbeats.stop(), this.#parts.waiter.stop()]));
    await within(leftMs(), this.#transactor.close());
    const pools = [pool, claims.own, heartbeatPool];
    await Promise.all(pools.map((one) => one?.close(leftMs())));
    await this.#parts.onClose();
  }

  /** Sessions that are closed at the same time go in one statement. */
  async #deleteSession(id: string): Promise<void> {
    if (!this.#deletion) {
      const ids: string[] = [];
      const done = new Promise((resolve) => setImmediate(resolve)).then(() => {
        this.#deletion = undefined;
        return closeSessions(this.guardedWithin(LEAST_PATIENCE_MS), { sessionIds: ids });
      });
      this.#deletion = { ids, done };
    }
    this.#deletion.ids.push(id);
    await this.#deletion.done;
  }

  readonly #host: SessionHost = {
    guarded: (live) => {
      const { claims, telemetry } = this.#parts;
      return new SessionStatements(live, claims, telemetry);
    },
    transact: (live, body, options) =>
      this.#transactor.transact(body, options, {
        fence: live.fence,
        component: live.component,
        signal: live.signal,
      }),
    send: (live, statements, options) =>
      this.#transactor.send(statements, options, {
        fence: live.fence,
        component: live.component,
        signal: live.signal,
      }),
    refuseInside: (action) => this.#transactor.refuseInside(action),
    isInside: () => this.#transactor.isInside(),
    close: async (live) => {
      this.#heartbeats.remove(live);
      this.#sessions.delete(live.id);
      await this.#deleteSession(live.id);
    },
    workStarted: (live: LiveSession, work: Work, isTakenOver: boolean) =>
      this.#parts.telemetry.workStarted(live.component, work.kind, isTakenOver),
    workEnded: (live: LiveSession, work: Work, result: WorkResult, heldMs: number) =>
      this.#parts.telemetry.workEnded(live.component, work.kind, result, heldMs),
  };
}
