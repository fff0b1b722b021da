import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import type { RawResult, Statement } from '../../query/index.ts';
import { refuseCopyStreams } from '../copy-streams.ts';
import { type Driver, type DriverConnection, type DriverOptions, KEEP_ALIVE_MS } from '../driver.ts';
import { startupParameters } from '../startup.ts';
import { requestCancel } from './cancel-request.ts';
import { requireChannelBinding } from './channel-binding.ts';
import { Closable } from './closable.ts';
import { connectFailure, connectWithin, statementFailure } from './failures.ts';
import { type PgAnswer, sendQuery } from './pg-query.ts';
import { PreparedTexts, statementName } from './prepared.ts';
import { tlsOptions } from './tls.ts';

/** Parts of node-postgres that its type package does not declare. */
interface PgInternals {
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly connection: EventEmitter & { readonly stream: Socket };
  getStartupConf: () => Record<string, string>;
  /** Of the last ReadyForQuery: I(dle), T(ransaction), E(rror). */
  getTransactionStatus(): string | null;
}

const CLOSE_WITHIN_MS = 1_000;

class PgConnection extends Closable implements DriverConnection {
  readonly host: string;
  readonly port: number;
  readonly #client: pg.Client & PgInternals;
  readonly #options: DriverOptions;
  readonly #prepared = new PreparedTexts();
  readonly #parameters = new Map<string, string>();
  #corked = false;

  constructor(client: pg.Client, options: DriverOptions) {
    super();
    this.#client = client as pg.Client & PgInternals;
    this.#options = options;
    this.host = options.host;
    this.port = options.port;
    client.on('error', (error) => this.markClosed(error));
    client.on('end', () => this.markClosed(new Error('the connection was closed')));
    this.#client.connection.on('parameterStatus', (said: { parameterName: string; parameterValue: string }) =>
      this.#parameters.set(said.parameterName, said.parameterValue),
    );
  }

  get client(): pg.Client {
    return this.#client;
  }

  send(
    { text, values, prepare, name: query }: Statement,
    options?: { prepare?: boolean },
  ): Promise<RawResult> {
    const named = this.#options.prepare !== false && (options?.prepare ?? prepare) !== false;
    const name = named && this.#prepared.admits(text) ? statementName(text) : undefined;
    const send = (client: pg.Client) =>
      sendQuery(client, text, { values: values as (string | null)[], name });
    return this.#submit(text, send, query);
  }

  sendSimple(text: string): Promise<RawResult> {
    return this.#submit(text, (client) => sendQuery(client, text));
  }

  async #submit(
    text: string,
    send: (client: pg.Client) => Promise<PgAnswer>,
    query?: string,
  ): Promise<RawResult> {
    if (this.closed) throw this.closed;
    refuseCopyStreams(text);
    this.#cork();
    try {
      const answer = await send(this.#client);
      const result = Array.isArray(answer) ? answer[answer.length - 1]! : answer;
      return {
        rows: result.rows as (string | null)[][],
        columns: result.fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })),
        rowCount: result.rowCount ?? 0,
        command: result.command,
      };
    } catch (error) {
      throw this.lostBy(statementFailure(error, query));
    }
  }

  /** Without it an answer that node-postgres cannot read would throw out of the socket's listener. */
  guardParser(): void {
    const { stream } = this.#client.connection;
    for (const listener of stream.listeners('data') as ((bytes: Buffer) => void)[]) {
      stream.off('data', listener);
      stream.on('data', (bytes: Buffer) => {
        try {
          listener(bytes);
        } catch (error) {
          this.destroy(error as Error);
        }
      });
    }
  }

  /** Statements that are sent in one tick leave in one write. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    const { stream } = this.#client.connection;
    stream.cork();
    setImmediate(() => {
      this.#corked = false;
      stream.uncork();
    });
  }

  get processId(): number | undefined {
    return this.#client.processID ?? undefined;
  }

  parameter(name: string): string | undefined {
    return this.#parameters.get(name);
  }

  onNotification(listener: (payload: string) => void): void {
    this.#client.on('notification', ({ payload = '' }) => listener(payload));
  }

  get worn(): boolean {
    return this.#prepared.overflowed;
  }

  get inTransaction(): boolean {
    const status = this.#client.getTransactionStatus();
    return status !== null && status !== 'I';
  }

  async cancel(): Promise<void> {
    const { processID, secretKey } = this.#client;
    if (this.closed || processID === null || secretKey === null) return;
    await requestCancel(this.#options, processID, secretKey);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.markClosed(new Error('the connection was closed'));
    // Does not wait for a server that does not answer the Terminate message.
    const timer = setTimeout(() => this.#client.connection.stream.destroy(), CLOSE_WITHIN_MS);
    await this.#client.end().catch(() => {});
    clearTimeout(timer);
  }

  destroy(reason?: Error): void {
    this.markClosed(reason ?? new Error('the connection was discarded'));
    this.#client.connection.stream.destroy();
  }
}

/** A client of node-postgres that is not connected yet. What it sends at the start is what `options` say, and no more. */
function pgClient(options: DriverOptions, more: object = {}): pg.Client {
  const client = new pg.Client({
    host: options.host,
    port: options.port,
    user: options.user,
    password: options.password ?? '',
    database: options.database,
    ssl: tlsOptions(options) ?? false,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    enableChannelBinding: options.requireChannelBinding ?? false,
    ...more,
  } as pg.ClientConfig) as pg.Client & PgInternals;
  // Its own would add what the environment says, such as PGOPTIONS.
  client.getStartupConf = () => startupParameters(options);
  if (options.requireChannelBinding) requireChannelBinding(client.connection);
  return client;
}

async function open(options: DriverOptions, more: object): Promise<PgConnection> {
  const client = pgClient(options, more);
  const connection = new PgConnection(client, options);
  try {
    await connectWithin(options.connectTimeoutMs, client.connect());
    if (connection.closed) throw connection.closed;
    return connection;
  } catch (error) {
    connection.destroy();
    throw connectFailure(error, options);
  }
}

/**
 * Its `client` is node-postgres as it is, a `pg.Client`, for those who speak the protocol themselves. Throws ConnectError.
 * Without its type, so that programs need no types of `pg` to compile.
 */
export const openPgClient = (
  options: DriverOptions,
): Promise<DriverConnection & { readonly client: unknown }> => open(options, {});

/** node-postgres (`pg`): one Client a connection, in its pipeline mode. */
export const pgDriver: Driver = {
  name: 'pg',
  async open(options) {
    const connection = await open(options, { pipeline: true });
    connection.guardParser();
    return connection;
  },
};
