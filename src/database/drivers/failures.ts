import {
  ConnectError,
  type ConnectFailure,
  ConnectionLostError,
  DatabaseError,
  HoldfastError,
  within,
} from '../../base/index.ts';
import { type DriverOptions, endpointOf } from '../driver.ts';

/** An error of the server, as both drivers give it. */
interface WireError extends Error {
  readonly code: string;
  readonly [field: string]: unknown;
}

const SQLSTATE = /^[0-9A-Z]{5}$/;
/** The server ends the connection after these, whatever language its severity is in. */
const FATAL_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '25P04']);

function isWireError(error: unknown): error is WireError {
  const wire = error as WireError | null;
  return (
    error instanceof Error &&
    typeof wire?.code === 'string' &&
    SQLSTATE.test(wire.code) &&
    severityOf(wire) !== undefined
  );
}

/** CockroachDB before v22.2 sends only the localizable severity, which postgres.js names apart. */
const severityOf = (wire: WireError) => wire['severity'] ?? wire['severity_local'];

const HAND_OVER =
  'a pooler that hands each transaction to another server connection does not follow prepared statements: connect with prepare: false';
const HINTS: Readonly<Record<string, string>> = { '42P05': HAND_OVER, '26000': HAND_OVER };

const field = (value: unknown) => (typeof value === 'string' ? value : undefined);

function toDatabaseError(wire: WireError, query?: string): DatabaseError {
  return new DatabaseError({
    code: wire.code,
    message: wire.message,
    severity: field(severityOf(wire)),
    detail: field(wire['detail']),
    hint: field(wire['hint']) ?? HINTS[wire.code],
    position: wire['position'] === undefined ? undefined : Number(wire['position']),
    schema: field(wire['schema'] ?? wire['schema_name']),
    table: field(wire['table'] ?? wire['table_name']),
    column: field(wire['column'] ?? wire['column_name']),
    constraint: field(wire['constraint'] ?? wire['constraint_name']),
    routine: field(wire['routine']),
    query,
  });
}

/** True when the server closes the connection after this error. */
function isFatal(error: DatabaseError): boolean {
  return error.severity === 'FATAL' || error.severity === 'PANIC' || FATAL_STATES.has(error.code);
}

/** What a failed statement, of a compiled query or not, becomes: DatabaseError, or ConnectionLostError when the connection is gone. */
export function statementFailure(error: unknown, query?: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (isWireError(error)) {
    const database = toDatabaseError(error, query);
    return isFatal(database)
      ? new ConnectionLostError(`the server closed the connection: ${database.message}`, { cause: database })
      : database;
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  return new ConnectionLostError(`the connection to the database was lost: ${cause.message}`, { cause });
}

const CONNECT_CODES: Readonly<Record<string, ConnectFailure>> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused',
  ENOTFOUND: 'unknown-host',
  EAI_AGAIN: 'unknown-host',
  EADDRNOTAVAIL: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  EAFNOSUPPORT: 'unreachable',
  ETIMEDOUT: 'timeout',
  CONNECT_TIMEOUT: 'timeout',
  '28P01': 'authentication',
  '28000': 'authentication',
  '3D000': 'unknown-database',
  '53300': 'too-many-connections',
  '57P03': 'unavailable',
  '22023': 'settings',
  '42704': 'settings',
};

const ADVICE: Readonly<Record<ConnectFailure, (at: string, options: DriverOptions) => string>> = {
  refused: (at) => `nothing accepts connections at ${at}: is the database running, and is the port right?`,
  'unknown-host': (at) => `the host of ${at} cannot be resolved: check the host name in the URL`,
  authentication: (at, { user }) =>
    `${at} refused user "${user}": check user, password or client certificate, and the server's access rules`,
  'unknown-database': (at, { database }) => `${at} has no database "${database}": create it or mend the URL`,
  tls: (at) =>
    `no trusted TLS connection to ${at}: check sslmode, sslrootcert, sslcert and sslkey, and the server's certificate`,
  timeout: (at, { connectTimeoutMs }) => `${at} did not answer within ${connectTimeoutMs} ms`,
  'too-many-connections': (at) =>
    `${at} has no connection slot left: lower pool.max or raise the server's limit`,
  unreachable: (at) =>
    `no way leads from this machine to ${at}: check the address family (localhost, 127.0.0.1 or [::1]) and the network`,
  settings: (at) =>
    `${at} refuses a parameter of the start: a pooler takes few, so leave out "options" of the URL, or let it pass them on`,
  'wrong-role': (at) => `${at} is not a host that will do`,
  unavailable: (at) => `${at} is not ready for connections`,
};

function connectReason(error: unknown): ConnectFailure {
  const { code, message } = error as { code?: unknown; message?: string };
  if (typeof code === 'string') {
    const known = CONNECT_CODES[code];
    if (known) return known;
    if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO)/.test(code)) return 'tls';
  }
  // PgBouncer has one code for most of what it refuses.
  if (/no more connections allowed/.test(message ?? '')) return 'too-many-connections';
  if ((code === '08P01' || code === '0A000') && /parameter|option/i.test(message ?? '')) return 'settings';
  if (/password|SASL|SCRAM|authentication/i.test(message ?? '')) return 'authentication';
  if (/SSL|TLS|certificate/i.test(message ?? '')) return 'tls';
  return 'unavailable';
}

/** The host as errors call it: `host:port`, or the socket. */
export const nameOf = (options: Pick<DriverOptions, 'host' | 'port'>): string => {
  const { path } = endpointOf(options) as { path?: string };
  return path ?? `${options.host}:${options.port}`;
};

/** Rejects when the server has not answered within `ms`. */
export const connectWithin = <T>(ms: number, connecting: Promise<T>): Promise<T> =>
  within(ms, connecting, () => {
    throw Object.assign(new Error('no answer in time'), { code: 'CONNECT_TIMEOUT' });
  });

/** What a failed attempt to connect becomes. The driver's own text is added; it holds no password. */
export function connectFailure(error: unknown, options: DriverOptions): ConnectError {
  if (error instanceof ConnectError) return error;
  const said = error instanceof ConnectionLostError && error.cause ? error.cause : error;
  const reason = connectReason(said);
  const at = nameOf(options);
  const quoted = said instanceof Error && said.message ? ` (${said.message})` : '';
  return new ConnectError(reason, `${ADVICE[reason](at, options)}${quoted}`, {
    cause: isWireError(said) ? toDatabaseError(said) : said,
  });
}
