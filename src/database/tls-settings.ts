import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { invalidOption } from '../base/index.ts';
import type { DriverTls } from './driver.ts';

/** TLS settings, named as CockroachDB and libpq name them; the files are PEM. */
export interface TlsSettings {
  readonly mode?: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full' | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** What to speak to a server, in the order in which it is tried; undefined is plain text. */
export type Transports = readonly (DriverTls | undefined)[];

/**
 * Reads the files now, and again at every call, so that connections that are opened after a change use the new ones.
 * Files that do not fit together are in the middle of one: what fitted last is given until they do.
 *
 * @throws MisuseError now, when they cannot be used.
 */
export function transportsOf(settings: TlsSettings): () => Transports {
  let last = readTls(settings);
  return () => {
    try {
      last = readTls(settings);
    } catch {
      // The server refuses what has ended, and says so.
    }
    return last;
  };
}

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/**
 * `allow` and `prefer` fall back to plain text or to TLS, and protect from nobody who can change what is sent. With an
 * authority `require` is `verify-ca`, as in libpq; `system` are the authorities of the operating system.
 */
function readTls({ mode, caFile, certFile, keyFile }: TlsSettings): Transports {
  const fromSystem = caFile === 'system';
  const given = mode ?? (caFile || certFile || keyFile ? 'verify-full' : 'disable');
  if (!MODES.includes(given)) throw invalidOption('sslmode', `"${given}" is not one of ${MODES.join(', ')}`);
  if (fromSystem && given !== 'verify-full')
    throw invalidOption('sslrootcert', `"system" wants sslmode=verify-full, not ${given}`);
  if ((certFile === undefined) !== (keyFile === undefined))
    throw invalidOption('tls', 'sslcert and sslkey go together: give both or neither');
  if (given === 'disable') return [undefined];
  const cert = readPem(certFile, 'sslcert', (text) => new X509Certificate(text));
  const key = readPem(keyFile, 'sslkey', createPrivateKey);
  if (cert && key && !cert.parsed.checkPrivateKey(key.parsed))
    throw invalidOption('sslkey', `${keyFile} is not the key of the certificate in ${certFile}`);
  const ca = fromSystem
    ? systemAuthorities()
    : readPem(caFile, 'sslrootcert', (text) => new X509Certificate(text))?.text;
  const verified =
    given === 'verify-ca' || given === 'verify-full' || (given === 'require' && ca !== undefined);
  const tls: DriverTls = {
    rejectUnauthorized: verified,
    verifyName: given === 'verify-full',
    ca,
    cert: cert?.text,
    key: key?.text,
  };
  if (given === 'allow') return [undefined, tls];
  return given === 'prefer' ? [tls, undefined] : [tls];
}

/** Those that Node brings along, where the operating system has none. */
const systemAuthorities = (): string | undefined => getCACertificates('system').join('\n') || undefined;

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
