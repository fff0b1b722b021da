import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { DriverOptions } from '../driver.ts';

const REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const YES = 'S'.charCodeAt(0);

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

/** Asks the server on a connected socket for TLS, and gives the secure socket once its certificate is checked. */
export async function secureSocket(
  socket: Socket,
  options: DriverOptions,
  tls: ConnectionOptions,
): Promise<TLSSocket> {
  socket.write(REQUEST);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  // More than one byte would be plain text that an attacker slipped in before the handshake.
  if (answer[0] !== YES || answer.length !== 1)
    throw Object.assign(new Error('the server does not support TLS'), { code: 'ERR_TLS_REFUSED' });
  const servername = isIP(options.host) ? {} : { servername: options.host };
  const secure = connect({ ...tls, ...servername, socket });
  await once(secure, 'secureConnect');
  return secure;
}
