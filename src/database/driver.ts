import { join } from 'node:path';
import type { RawResult, Statement } from '../query/index.ts';

/** A socket without traffic is probed after this: by default the operating system waits two hours. */
export const KEEP_ALIVE_MS = 10_000;

/** Where and how to connect: one host, already resolved from the URL and the options. */
export interface DriverOptions {
  /** A name, an address, or the folder of a socket, which begins with a slash. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  readonly database: string;
  readonly applicationName: string;
  /** The server's own start-up options, as in libpq's `options`. */
  readonly serverOptions?: string | undefined;
  readonly connectTimeoutMs: number;
  /** False: the server keeps no prepared statement, even if a statement asks for it. Default true. */
  readonly prepare?: boolean | undefined;
  readonly tls?: DriverTls | undefined;
  /** The server must bind its proof of the password to the TLS connection. Only `pg` can. */
  readonly requireChannelBinding?: boolean | undefined;
  /** Of the pinned settings only those that poolers follow are asked for. */
  readonly pinFew?: boolean | undefined;
}

export interface DriverTls {
  readonly rejectUnauthorized: boolean;
  /** Name to verify the certificate against; undefined means the host connected to. */
  readonly servername?: string | undefined;
  /** False for `verify-ca`: the chain is checked, the name is not. */
  readonly verifyName: boolean;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * One connection of one driver. The rest of Holdfast knows nothing else about a driver. Both adapters pass the
 * same conformance suite.
 *
 * Contract:
 * - `send` writes at once, without waiting for earlier statements; answers come in order (pipelining).
 *   Statements sent in the same tick leave in one write where the driver can.
 * - values and results are text; `send` rejects with DatabaseError for an error that the server reports, and with
 *   ConnectionLostError for anything that ends the connection.
 * - COPY with STDIN or STDOUT is refused with MisuseError before it is sent.
 * - a closed connection stays closed: it never reconnects by itself.
 * - never an uncaught exception or an unhandled rejection, whatever happens to the socket.
 */
export interface DriverConnection {
  /** `prepare` keeps the statement parsed on the server under a name made from its text. */
  send(statement: Statement, options?: { prepare?: boolean }): Promise<RawResult>;
  /** Several statements without parameters as one simple-protocol message; the last result is given. */
  sendSimple(text: string): Promise<RawResult>;
  /** Why the connection was closed; undefined while it is open. */
  readonly closed: Error | undefined;
  /** The server's last answer said that a transaction is open. Meaningful when every statement is answered. */
  readonly inTransaction: boolean;
  /** It was given more statements to prepare than a server should keep: another connection is better now. */
  readonly worn: boolean;
  readonly host: string;
  readonly port: number;
  /** As the server (or a pooler before it) said at the start. */
  readonly processId: number | undefined;
  /** What the server reports of itself, such as `in_hot_standby`, as it is now; undefined for what it does not report. */
  parameter(name: string): string | undefined;
  /** Calls back for every notification of a channel that the connection listens to. At most one listener. */
  onNotification(listener: (payload: string) => void): void;
  /** Asks the server, on a second connection, to cancel what runs on this one. Resolves when asked. */
  cancel(): Promise<void>;
  /** Closes politely when idle. */
  close(): Promise<void>;
  /** Cuts the socket. Pending sends reject with ConnectionLostError. */
  destroy(reason?: Error): void;
  /** Calls back once when the connection is closed, by whichever side. */
  onClose(listener: (error: Error) => void): void;
}

/** Opens connections; the pool above it is the same for every driver. */
export interface Driver {
  readonly name: 'pg' | 'postgres';
  /** Throws ConnectError. */
  open(options: DriverOptions): Promise<DriverConnection>;
}

/** Where Node's sockets connect to. */
export const endpointOf = ({ host, port }: Pick<DriverOptions, 'host' | 'port'>) =>
  host.startsWith('/') ? { path: join(host, `.s.PGSQL.${port}`) } : { host, port };
