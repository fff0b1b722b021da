import { once } from 'node:events';
import { createServer } from 'node:net';
import { ConnectError } from '../../base/index.ts';

/** Where a server listens: this machine alone can reach it. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * A port that is free on loopback now; IPv6 where there is no other. Somebody may take it before the server does: try
 * again then. Throws ConnectError.
 */
export async function freePlace(hosts: readonly string[] = ['127.0.0.1', '::1']): Promise<Place> {
  let cause: unknown;
  for (const host of hosts) {
    try {
      return { host, port: await freePort(host) };
    } catch (error) {
      cause = error;
    }
  }
  throw new ConnectError(
    'unreachable',
    `this machine has none of the addresses ${hosts.join(', ')}, on one of which the embedded PostgreSQL listens: bring the loopback interface up, or give the URL of a server`,
    { cause },
  );
}

async function freePort(host: string): Promise<number> {
  const probe = createServer().listen(0, host);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}

/** Whether the server's last words say that its port was taken. */
export function portWasTaken(output: string): boolean {
  return /could not (bind|create any TCP\/IP sockets)|Address already in use/.test(output);
}
