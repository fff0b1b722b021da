import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

const BOUND = 'SCRAM-SHA-256-PLUS';

/**
 * Refuses every way of authentication that does not bind the server's proof to the TLS connection, as libpq does, before
 * anything is sent that is made from the password. For a connection of node-postgres.
 */
export function requireChannelBinding(connection: EventEmitter & { readonly stream: Socket }): void {
  let bound = false;
  connection.prependListener('authenticationSASL', (said: { mechanisms: string[] }) => {
    // What is not offered is not chosen.
    said.mechanisms = said.mechanisms.filter((name) => name === BOUND);
  });
  connection.prependListener('authenticationSASLFinal', () => {
    bound = true;
  });
  for (const event of ['authenticationOk', 'authenticationCleartextPassword', 'authenticationMD5Password'])
    connection.prependListener(event, () => {
      if (bound) return;
      const error = new Error(
        'authentication without the channel binding that channel_binding=require asks for',
      );
      connection.emit('error', error);
      connection.stream.destroy();
    });
}
