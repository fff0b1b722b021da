import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import postgres from 'postgres';
import { ConnectionLostError, invalidOption } from '../../base/index.ts';
import type { RawResult, Statement } from '../../query/index.ts';
import { refuseCopyStreams } from '../copy-streams.ts';
import {
  type Driver,
  type DriverConnection,
  type DriverOptions,
  endpointOf,
  KEEP_ALIVE_MS,
} from '../driver.ts';
import { startupParameters } from '../startup.ts';
import { requestCancel } from './cancel-request.ts';
import { Closable } from './closable.ts';
import { connectFailure, connectWithin, statementFailure } from './failures.ts';
import { PreparedTexts } from './prepared.ts';
import { ReadyStatus } from './ready-status.ts';
import { secureSocket, tlsOptions } from './tls.ts';

/**
 * postgres.js converts values by type; Holdfast's codecs have done that already, so every type that it would
 * touch is mapped to itself, both ways.
 */
const AS_TEXT = {
  text: {
    to: 25,
    from: [16, 17, 21, 23, 26, 114, 700, 701, 1082, 1114, 1184, 3802, 0, 25],
    serialize: (value: unknown) => value,
    parse: (value: unknown) => value,
  },
};

/** Parts of a postgres.js query that its types do not declare. */
interface PostgresQuery extends PromiseLike<unknown> {
  parameters: unknown[] | null;
  readonly state?: { readonly pid: number | null; readonly secret: number | null } | null;
  values(): PromiseLike<PostgresResult | PostgresResult[]>;
}
interface PostgresResult extends ReadonlyArray<readonly (string | null)[]> {
  readonly columns?: readonly { readonly name: string; readonly type: number }[];
  readonly count: number | null;
  readonly command: string;
}

class PostgresConnection extends Closable implements DriverConnection {
  readonly host: string;
  readonly port: number;
  readonly #options: DriverOptions;
  readonly #sql: postgres.Sql;
  readonly #prepared = new PreparedTexts();
  #onNotification: (payload: string) => void = () => {};
  #socket: Socket | undefined;
  #status = new ReadyStatus();
  #backend: { readonly pid: number | null; readonly secret: number | null } | undefined;

  constructor(options: DriverOptions) {
    super();
    this.#options = options;
    this.host = options.host;
    this.port = options.port;
    this.#sql = postgres({
      host: options.host,
      port: options.port,
      user: options.user,
      password: options.password ?? '',
      database: options.database,
      connection: startupParameters(options),
      ssl: false,
      max: 1,
      max_lifetime: null,
      connect_timeout: options.connectTimeoutMs / 1000,
      fetch_types: false,
      types: AS_TEXT,
      onnotice: () => {},
      onnotify: (_channel: string, payload: string) => this.#onNotification(payload),
      socket: () => this.#openSocket(),
      onclose: () => this.markClosed(new Error('the connection was closed')),
    } as unknown as postgres.Options<Record<string, never>>) as unknown as postgres.Sql;
  }

  /** An instance connects once: a second socket would be a reconnection behind the caller's back. */
  async #openSocket(): Promise<Socket> {
    if (this.#socket) throw new ConnectionLostError('the connection was lost');
    const { host, port } = this.#options;
    const socket = connect({
      ...endpointOf(this.#options),
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      noDelay: true,
    });
    this.#socket = socket;
    // postgres.js takes listeners off before the last error has come.
    const guard = (one: Socket) => one.on('error', () => {});
    guard(socket);
    try {
      await once(socket, 'connect');
      // Its own TLS would leave the socket underneath without an error listener, and would wait for ever when
      // the server declines.
      const tls = tlsOptions(this.#options);
      if (tls) {
        this.#socket = await secureSocket(socket, this.#options, tls);
        guard(this.#socket);
      }
    } catch (error) {
      socket.destroy();
      throw error;
    }
    this.#socket.on('data', (bytes: Buffer) => this.#status.push(bytes));
    return Object.assign(this.#socket, { host, port });
  }

  send(statement: Statement, options?: { prepare?: boolean }): Promise<RawResult> {
    const wanted = this.#options.prepare !== false && (options?.prepare ?? statement.prepare) !== false;
    const prepare = wanted && this.#prepared.admits(statement.text);
    const mode = { prepare, simple: false };
    return this.#submit(statement.text, statement.values, mode, statement.name);
  }

  sendSimple(text: string): Promise<RawResult> {
    return this.#submit(text, [], { simple: true });
  }

  async #submit(
    text: string,
    values: readonly (string | null)[],
    mode: object,
    name?: string,
  ): Promise<RawResult> {
    if (this.closed) throw this.closed;
    refuseCopyStreams(text);
    const query = this.#sql.unsafe(text, [], mode) as unknown as PostgresQuery;
    // Given as arguments, the parameters of a statement's first run would cost a Describe round trip before
    // the Bind; as text that is encoded already they need none.
    query.parameters = [...values];
    forbidRerun(query);
    try {
      const running = query.values();
      const answer = await running;
      this.#backend ??= query.state ?? undefined;
      const result = isResultList(answer) ? answer[answer.length - 1]! : answer;
      return {
        rows: [...result],
        columns: (result.columns ?? []).map(({ name, type }) => ({ name, typeOid: type })),
        rowCount: result.count ?? 0,
        command: result.command,
      };
    } catch (error) {
      throw this.lostBy(statementFailure(error, name));
    }
  }

  get processId(): number | undefined {
    return this.#backend?.pid ?? undefined;
  }

  parameter(name: string): string | undefined {
    return (this.#sql.parameters as Readonly<Record<string, string>>)[name];
  }

  onNotification(listener: (payload: string) => void): void {
    this.#onNotification = listener;
  }

  get worn(): boolean {
    return this.#prepared.overflowed;
  }

  get inTransaction(): boolean {
    return this.#status.inTransaction;
  }

  async cancel(): Promise<void> {
    const { pid, secret } = this.#backend ?? {};
    if (this.closed || !pid || secret === null || secret === undefined) return;
    await requestCancel(this.#options, pid, secret);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.markClosed(new Error('the connection was closed'));
    await this.#sql.end({ timeout: 1 }).catch(() => {});
  }

  destroy(reason?: Error): void {
    this.markClosed(reason ?? new Error('the connection was discarded'));
    this.#socket?.destroy();
    this.#sql.end({ timeout: 0 }).catch(() => {});
  }
}

/**
 * When a prepared statement's plan went stale, postgres.js runs the statement a second time, behind the statements
 * that were sent after it: behind a COMMIT that would be outside of the transaction. It decides that by `prepared`,
 * which it sets and uses when it sends, so this resets it right after.
 */
function forbidRerun(query: PostgresQuery): void {
  let prepared: unknown;
  Object.defineProperty(query, 'prepared', {
    get: () => prepared,
    set: (value: unknown) => {
      prepared = value;
      queueMicrotask(() => {
        prepared = false;
      });
    },
  });
}

const isResultList = (answer: PostgresResult | PostgresResult[]): answer is PostgresResult[] =>
  (answer as PostgresResult).command === undefined && Array.isArray(answer[0]);

/**
 * postgres.js, one single-connection instance each. Its own pool would reconnect in silence, and its
 * `sql.begin` (3.4.9) lets a late statement run outside of the transaction after the connection was lost.
 */
export const postgresDriver: Driver = {
  name: 'postgres',
  async open(options) {
    if (options.requireChannelBinding)
      throw invalidOption(
        'channel_binding',
        'the postgres driver cannot require it: use the driver pg, or leave it out and verify the server by sslmode=verify-full',
      );
    const connection = new PostgresConnection(options);
    try {
      // It connects with its first statement. One that reads nothing is taken by every host.
      await connectWithin(options.connectTimeoutMs, connection.sendSimple('SHOW server_version'));
      return connection;
    } catch (error) {
      connection.destroy();
      throw connectFailure(error, options);
    }
  },
};
