import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PEM files of a certificate authority made for this test, and of what it signed. */
export interface Certificates {
  readonly ca: string;
  /** Signed for `localhost`, not for an address. */
  readonly cert: string;
  readonly key: string;
  /** Signed for a client, the user `certified`. */
  readonly clientCert: string;
  readonly clientKey: string;
  /** Another authority, which signed nothing here. */
  readonly otherCa: string;
}

/** Makes a self-signed authority and a server certificate with the openssl command. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  await Promise.all([authority('ca'), authority('other')]);
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(at('san'), 'subjectAltName=DNS:localhost\n');
  await openssl(
    ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', '2', '-extfile', 'san', '-out', 'server.crt'],
  );
  await openssl('req', ...key, '-keyout', 'client.key', '-out', 'client.csr', '-subj', '/CN=certified');
  await openssl(
    ...['x509', '-req', '-in', 'client.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', '2', '-out', 'client.crt'],
  );
  const client = { clientCert: at('client.crt'), clientKey: at('client.key') };
  return {
    ...client,
    ca: at('ca.crt'),
    cert: at('server.crt'),
    key: at('server.key'),
    otherCa: at('other.crt'),
  };
}

/** Another certificate of the same user by the authority that `makeCertificates` made there, with another key. */
export async function renewClient(dir: string): Promise<Pick<Certificates, 'clientCert' | 'clientKey'>> {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir });
  await openssl(
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'renewed.key'],
    ...['-out', 'renewed.csr', '-subj', '/CN=certified'],
  );
  await openssl(
    ...['x509', '-req', '-in', 'renewed.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', '2', '-out', 'renewed.crt'],
  );
  return { clientCert: join(dir, 'renewed.crt'), clientKey: join(dir, 'renewed.key') };
}
