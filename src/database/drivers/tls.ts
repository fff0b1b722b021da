import type { ConnectionOptions } from 'node:tls';
import type { DriverOptions } from '../driver.ts';

/** The options for Node's TLS that both drivers take; undefined for a plain connection. */
export function tlsOptions({ tls, host }: DriverOptions): ConnectionOptions | undefined {
  if (!tls) return undefined;
  return {
    rejectUnauthorized: tls.rejectUnauthorized,
    ...(tls.ca ? { ca: tls.ca } : {}),
    ...(tls.cert ? { cert: tls.cert } : {}),
    ...(tls.key ? { key: tls.key } : {}),
    // An address has no SNI name: Node verifies it against `host`.
    ...(tls.verifyName ? { host } : { checkServerIdentity: () => undefined }),
  };
}
