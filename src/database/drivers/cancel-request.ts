import { once } from 'node:events';
import { connect } from 'node:net';
import { type DriverOptions, endpointOf } from '../driver.ts';
import { secureSocket, tlsOptions } from './tls.ts';

const CANCEL_CODE = 80877102;
const GIVE_UP_AFTER_MS = 5_000;

/**
 * The protocol's CancelRequest, on a connection of its own. Resolves when the server has closed that
 * connection, which it does after it passed the request on; never rejects, since a lost cancel is only a
 * cancel that did not help.
 */
export function requestCancel(options: DriverOptions, processId: number, secret: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ ...endpointOf(options), noDelay: true });
    const done = () => {
      socket.destroy();
      resolve();
    };
    const ask = async () => {
      await once(socket, 'connect');
      const tls = tlsOptions(options);
      const channel = tls ? await secureSocket(socket, options, tls) : socket;
      channel.on('error', done).on('close', done);
      channel.write(message(CANCEL_CODE, processId, secret));
      channel.resume();
    };
    socket.setTimeout(GIVE_UP_AFTER_MS, done);
    socket.on('error', done).on('close', done);
    ask().catch(done);
  });
}

function message(...words: number[]): Buffer {
  const bytes = Buffer.alloc(4 + words.length * 4);
  bytes.writeInt32BE(bytes.length, 0);
  for (const [index, word] of words.entries()) bytes.writeInt32BE(word | 0, 4 + index * 4);
  return bytes;
}
