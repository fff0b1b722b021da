import { userInfo } from 'node:os';
import { invalidOption, LONGEST_TIMER_MS } from '../base/index.ts';
import type { TargetSession } from './host-role.ts';
import { type TlsSettings, type Transports, transportsOf } from './tls-settings.ts';
import { readParameters } from './url-parameters.ts';

/** A server by name or address, or by the folder of its socket, which begins with a slash. */
export interface Host {
  readonly host: string;
  readonly port: number;
}

/** What a URL says, defaults filled in. */
export interface Address {
  readonly hosts: readonly Host[];
  /** The hosts are tried in this order; otherwise each attempt begins with the next one. */
  readonly inOrder: boolean;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly applicationName: string | undefined;
  /** Start-up options for the server, such as `-c lock_timeout=1s` or CockroachDB's `--cluster=name`. */
  readonly serverOptions: string | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** Which of the hosts will do. */
  readonly targetSession: TargetSession;
  /** The server must prove by the password that the TLS connection is its own. */
  readonly requireChannelBinding: boolean;
  /** False where the URL says that a pooler stands between. */
  readonly prepare: false | undefined;
  readonly transports: () => Transports;
}

interface UrlParts {
  readonly scheme: string;
  /** User and password as they stand in the URL; undefined where there is no @. */
  readonly credentials: string | undefined;
  readonly hosts: string;
  readonly database: string;
  readonly search: string;
}

type Refusal = (message: string) => Error;

const SHAPE = /^(postgres|postgresql|cockroachdb):\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?(.*))?$/;

/** libpq waits no shorter. */
const LEAST_CONNECT_TIMEOUT_S = 2;

/**
 * Reads `postgresql://user:password@host1:port1,host2:port2/database?sslmode=verify-full&sslrootcert=ca.crt`, with the
 * parameters of libpq's URLs. Throws MisuseError about `subject`, which quotes neither user nor password, also where a
 * slip makes them look like a host.
 */
export function parseUrl(url: string, settings: TlsSettings = {}, subject = 'url'): Address {
  const refusal: Refusal = (message) => invalidOption(subject, message);
  const { credentials = '', hosts: hostList, database: path, search } = splitUrl(url, refusal);
  const listed =
    hostList === '' ? undefined : hostList.split(',').map((one, i) => parseHost(one, i, refusal));
  const parameters = readParameters(search, refusal);
  const colon = credentials.indexOf(':');
  const either = (name: string, inUrl: string | undefined) => {
    const parameter = parameters.get(name);
    if (inUrl && parameter !== undefined)
      throw refusal(`the ${name} is given twice: in the URL and as a parameter`);
    return inUrl || parameter;
  };
  const user =
    either('user', decode(colon < 0 ? credentials : credentials.slice(0, colon), 'user', refusal)) ??
    systemUser(refusal);
  const password = colon < 0 ? undefined : decode(credentials.slice(colon + 1), 'password', refusal);
  const timeoutS = parameters.get('connect_timeout');
  return {
    hosts: hostsOf(listed, parameters.get('host'), parameters.get('port'), refusal),
    inOrder: parameters.get('load_balance_hosts') === 'disable',
    user,
    password: either('password', password) ?? password,
    database: either('dbname', decode(path, 'database', refusal)) ?? user,
    applicationName: parameters.get('application_name') ?? parameters.get('fallback_application_name'),
    serverOptions: parameters.get('options'),
    connectTimeoutMs: timeoutS === undefined ? undefined : connectTimeoutMs(Number(timeoutS)),
    targetSession: (parameters.get('target_session_attrs') as TargetSession) ?? 'read-write',
    requireChannelBinding: parameters.get('channel_binding') === 'require',
    prepare: parameters.get('pgbouncer') === 'true' ? false : undefined,
    transports: transportsOf({
      mode: settings.mode ?? modeOf(parameters.get('sslmode'), parameters.get('ssl')),
      caFile: settings.caFile ?? parameters.get('sslrootcert'),
      certFile: settings.certFile ?? parameters.get('sslcert'),
      keyFile: settings.keyFile ?? parameters.get('sslkey'),
    }),
  };
}

/** Adds the TLS settings that were given beside the URL, so that a program that gets only the URL connects as safely. */
export function withTls(url: string, settings: TlsSettings = {}): string {
  const { mode, caFile, certFile, keyFile } = settings;
  const given = { sslmode: mode, sslrootcert: caFile, sslcert: certFile, sslkey: keyFile };
  const parts = splitUrl(url, (message) => invalidOption('url', message));
  const parameters = new URLSearchParams(parts.search);
  for (const [name, value] of Object.entries(given)) if (value !== undefined) parameters.set(name, value);
  if (mode !== undefined) parameters.delete('ssl');
  return Object.values(given).every((value) => value === undefined)
    ? url
    : joinUrl({ ...parts, search: parameters.toString() });
}

/** The URL of another database on the same server. Throws MisuseError. */
export function withDatabase(url: string, name: string): string {
  return changed(url, { database: encodeURIComponent(name) }, 'dbname');
}

/** The URL of the same database by way of another host and port. Throws MisuseError. */
export function withHost(url: string, host: string, port: number): string {
  return changed(
    url,
    { hosts: `${host.includes(':') ? `[${host}]` : encodeURIComponent(host)}:${port}` },
    'host',
    'port',
  );
}

function changed(url: string, change: Partial<UrlParts>, ...without: readonly string[]): string {
  const parts = splitUrl(url, (message) => invalidOption('url', message));
  const parameters = new URLSearchParams(parts.search);
  for (const name of without) parameters.delete(name);
  const search =
    parameters.size === new URLSearchParams(parts.search).size ? parts.search : parameters.toString();
  return joinUrl({ ...parts, search, ...change });
}

function splitUrl(url: string, refusal: Refusal): UrlParts {
  const match = SHAPE.exec(url);
  if (!match) throw refusal('expected postgresql://user:password@host:port/database?sslmode=verify-full');
  const [, scheme = '', credentials, hosts = '', database = '', search = ''] = match;
  // If the URL is split in the wrong place, a part of the password looks like a host, and the error would quote it.
  if (credentials === undefined ? url.includes('@') : `${hosts}${database}`.includes('@'))
    throw refusal(
      'an @ is not where one belongs: in user and password write @ as %40, / as %2F, ? as %3F, # as %23',
    );
  return { scheme, credentials, hosts, database, search };
}

const joinUrl = ({ scheme, credentials, hosts, database, search }: UrlParts): string =>
  `${scheme}://${credentials === undefined ? '' : `${credentials}@`}${hosts}${database && `/${database}`}${search && `?${search}`}`;

function parseHost(text: string, index: number, refusal: Refusal): Host {
  const match = /^(\[[^\]]+\]|[^:[\]]*)(?::(\d*))?$/.exec(text);
  const port = Number(match?.[2] || 5432);
  if (!match || port < 1 || port > 65_535)
    throw refusal(
      `host ${index + 1} is not host:port with a port from 1 to 65535 (an IPv6 address in brackets, the folder of a socket as %2Fvar%2Frun%2Fpostgresql); user and password go before it, with an @ between: user:password@host:port`,
    );
  return {
    host: hostName(decode(match[1]!.replace(/^\[|\]$/g, ''), `host ${index + 1}`, refusal), refusal),
    port,
  };
}

/** Of the parameters `host` and `port`, lists both, if the URL has no host before its path. */
function hostsOf(
  listed: readonly Host[] | undefined,
  names: string | undefined,
  ports: string | undefined,
  refusal: Refusal,
): readonly Host[] {
  if (listed !== undefined) {
    if (names !== undefined || ports !== undefined)
      throw refusal('host and port are given twice: in the URL and as parameters');
    return listed;
  }
  const hosts = (names ?? '').split(',');
  const numbers = (ports ?? '').split(',').map((text) => (text === '' ? 5432 : Number(text)));
  if (numbers.length > 1 && numbers.length !== hosts.length)
    throw refusal(
      `there are ${hosts.length} hosts and ${numbers.length} ports: one port for all, or one for each`,
    );
  if (numbers.some((port) => !Number.isInteger(port) || port < 1 || port > 65_535))
    throw refusal('parameter "port" is not a port from 1 to 65535, or a list of them');
  return hosts.map((host, i) => ({ host: hostName(host, refusal), port: numbers[i] ?? numbers[0]! }));
}

function hostName(name: string, refusal: Refusal): string {
  if (name.startsWith('@'))
    throw refusal('an abstract socket cannot be reached: give the folder of a socket');
  return name || 'localhost';
}

function decode(text: string, part: string, refusal: Refusal): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusal(`the ${part} has a bad percent escape: write % as %25`);
  }
}

function systemUser(refusal: Refusal): string {
  try {
    return userInfo().username;
  } catch {
    throw refusal(
      'there is no user in it, and this process has no user name: postgresql://user@host/database',
    );
  }
}

const connectTimeoutMs = (seconds: number): number =>
  seconds === 0
    ? LONGEST_TIMER_MS
    : Math.min(LONGEST_TIMER_MS, Math.max(LEAST_CONNECT_TIMEOUT_S, seconds) * 1000);

/** `no-verify` is what node-postgres calls `require`. */
function modeOf(sslmode: string | undefined, ssl: string | undefined): TlsSettings['mode'] {
  const mode =
    sslmode ?? (ssl === undefined ? undefined : ssl === 'false' || ssl === '0' ? 'disable' : 'require');
  return mode === 'no-verify' ? 'require' : (mode as TlsSettings['mode']);
}
