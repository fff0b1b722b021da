import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port that is free on loopback now. Somebody may take it before the server does: try again then. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
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
