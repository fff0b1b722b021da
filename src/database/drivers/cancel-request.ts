import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { DriverOptions } from '../driver.ts';
import { tlsOptions } from './tls.ts';

const CANCEL_CODE = 80877102;
const TLS_CODE = 80877103;
const GIVE_UP_AFTER_MS = 5_000;

/**
 * The protocol's CancelRequest, on a connection of its own. Resolves when the server has closed that
 * connection, which it does after it passed the request on; never rejects, since a lost cancel is only a
 * cancel that did not help.
 */
export function requestCancel(options: DriverOptions, processId: number, secret: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: options.host, port: options.port, noDelay: true });
    const done = () => {
      socket.destroy();
      resolve();
    };
    socket.setTimeout(GIVE_UP_AFTER_MS, done);
    socket.on('error', done).on('close', done);
    socket.once('connect', () => {
      const tls = tlsOptions(options);
      if (!tls) return sendCancel(socket, processId, secret);
      socket.write(message(TLS_CODE));
      socket.once('data', (answer) => {
        if (answer[0] !== 0x53) return done();
        const servername = isIP(options.host) ? {} : { servername: options.host };
        const secure = connectTls({ ...tls, ...servername, socket }, () =>
          sendCancel(secure, processId, secret),
        );
        secure.on('error', done).on('close', done);
      });
    });
  });
}

function sendCancel(socket: Socket, processId: number, secret: number): void {
  socket.write(message(CANCEL_CODE, processId, secret));
  socket.resume();
}

function message(...words: number[]): Buffer {
  const bytes = Buffer.alloc(4 + words.length * 4);
  bytes.writeInt32BE(bytes.length, 0);
  for (const [index, word] of words.entries()) bytes.writeInt32BE(word | 0, 4 + index * 4);
  return bytes;
}
