import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { invalidOption } from '../base/index.ts';
import type { DriverTls } from './driver.ts';

/** What a URL says, defaults filled in. */
export interface Address {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly applicationName: string | undefined;
  /** Start-up options for the server, such as `-c lock_timeout=1s` or CockroachDB's `--cluster=name`. */
  readonly serverOptions: string | undefined;
  readonly tls: DriverTls | undefined;
}

/** Adds the TLS settings that were given beside the URL, so that a program that gets only the URL connects as safely. */
export function withTls(url: string, settings: TlsSettings = {}): string {
  const { mode, caFile, certFile, keyFile } = settings;
  const given = { sslmode: mode, sslrootcert: caFile, sslcert: certFile, sslkey: keyFile };
  const mark = url.indexOf('?');
  const parameters = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  for (const [name, value] of Object.entries(given)) if (value !== undefined) parameters.set(name, value);
  return parameters.size === 0 ? url : `${mark < 0 ? url : url.slice(0, mark)}?${parameters}`;
}

/** TLS settings, named as CockroachDB and libpq name them; the files are PEM. */
export interface TlsSettings {
  readonly mode?: 'disable' | 'require' | 'verify-ca' | 'verify-full' | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

const SHAPE = /^(postgres|postgresql|cockroachdb):\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?(.*))?$/;
const KNOWN_PARAMETERS = new Set([
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'application_name',
  'options',
]);

/**
 * Reads `postgresql://user:password@host1:port1,host2:port2/database?sslmode=verify-full&sslrootcert=ca.crt`.
 * Throws MisuseError about `subject`, which quotes neither user nor password, also where a slip makes them look like a host.
 */
export function parseUrl(url: string, settings: TlsSettings = {}, subject = 'url'): Address {
  const refusal = (message: string) => invalidOption(subject, message);
  const match = SHAPE.exec(url);
  if (!match) {
    throw refusal('expected postgresql://user:password@host:port/database?sslmode=verify-full');
  }
  const [, , credentials = '', hostList = '', database = '', search = ''] = match;
  // If the URL is split in the wrong place, a part of the password looks like a host, and the error would quote it.
  const isCutWrong = match[2] === undefined ? url.includes('@') : `${hostList}${database}`.includes('@');
  if (isCutWrong)
    throw refusal(
      'an @ is not where one belongs: in user and password write @ as %40, / as %2F, ? as %3F, # as %23',
    );
  const colon = credentials.indexOf(':');
  const user = decode(colon < 0 ? credentials : credentials.slice(0, colon), 'user', refusal);
  const hosts = hostList.split(',').map((host, index) => parseHost(host, index, refusal));
  const parameters = new URLSearchParams(search);
  for (const name of parameters.keys()) {
    if (!KNOWN_PARAMETERS.has(name))
      throw refusal(`unknown parameter "${name}"; known are ${[...KNOWN_PARAMETERS].join(', ')}`);
  }
  return {
    hosts,
    user: user || userInfo().username,
    password: colon < 0 ? undefined : decode(credentials.slice(colon + 1), 'password', refusal),
    database: decode(database, 'database', refusal) || user || 'postgres',
    applicationName: parameters.get('application_name') ?? undefined,
    serverOptions: parameters.get('options') || undefined,
    tls: readTls({
      mode: settings.mode ?? (parameters.get('sslmode') as TlsSettings['mode']) ?? undefined,
      caFile: settings.caFile ?? parameters.get('sslrootcert') ?? undefined,
      certFile: settings.certFile ?? parameters.get('sslcert') ?? undefined,
      keyFile: settings.keyFile ?? parameters.get('sslkey') ?? undefined,
    }),
  };
}

function parseHost(
  text: string,
  index: number,
  refusal: (message: string) => Error,
): { host: string; port: number } {
  const match = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(text);
  const port = Number(match?.[2] ?? 5432);
  if (!match || port < 1 || port > 65_535)
    throw refusal(
      `host ${index + 1} is not host:port with a port from 1 to 65535; user and password go before it, with an @ between: user:password@host:port`,
    );
  return { host: match[1]!.replace(/^\[|\]$/g, '') || 'localhost', port };
}

function decode(text: string, part: string, refusal: (message: string) => Error): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusal(`the ${part} has a bad percent escape: write % as %25`);
  }
}

function readTls({ mode, caFile, certFile, keyFile }: TlsSettings): DriverTls | undefined {
  const files = caFile ?? certFile ?? keyFile;
  const effective = mode ?? (files ? 'verify-full' : 'disable');
  if (!['disable', 'require', 'verify-ca', 'verify-full'].includes(effective)) {
    throw invalidOption(
      'sslmode',
      `"${effective}" is not supported (it may fall back to plain text): use disable, require, verify-ca or verify-full`,
    );
  }
  if ((certFile === undefined) !== (keyFile === undefined))
    throw invalidOption('tls', 'sslcert and sslkey go together: give both or neither');
  if (effective === 'disable') return undefined;
  const cert = readPem(certFile, 'sslcert', (text) => new X509Certificate(text));
  const key = readPem(keyFile, 'sslkey', createPrivateKey);
  if (cert && key && !cert.parsed.checkPrivateKey(key.parsed))
    throw invalidOption('sslkey', `${keyFile} is not the key of the certificate in ${certFile}`);
  return {
    rejectUnauthorized: effective !== 'require',
    verifyName: effective === 'verify-full',
    ca: readPem(caFile, 'sslrootcert', (text) => new X509Certificate(text))?.text,
    cert: cert?.text,
    key: key?.text,
  };
}

/** Parses the file here, so that the error names a wrong file instead of reporting a failed handshake. */
function readPem<T>(
  file: string | undefined,
  option: string,
  parse: (text: string) => T,
): { readonly text: string; readonly parsed: T } | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalidOption(option, `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    return { text, parsed: parse(text) };
  } catch (cause) {
    throw invalidOption(
      option,
      `${file} has no usable PEM ${option === 'sslkey' ? 'key (one without a passphrase is needed)' : 'certificate'}`,
      { cause },
    );
  }
}
