import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ConnectionLostError } from '../../src/base/index.ts';
import { classify } from '../../src/transact/ending.ts';
import { DRIVERS } from '../support/database.ts';
import { openConnection } from '../support/driver-connection.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

expectNoUncaughtErrors();

const message = (type: string, body: Buffer) => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
};
const READY = message('Z', Buffer.from('I'));
/** A row that says that it has a column, and ends. */
const NONSENSE = message('D', Buffer.from([0, 1]));

let server: Server | undefined;
afterEach(() => server?.close());

/** Lets everybody in, and answers every statement with what cannot be read. */
async function listen(): Promise<string> {
  server = createServer((socket: Socket) => {
    let started = false;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (!started) {
        started = true;
        socket.write(Buffer.concat([message('R', Buffer.alloc(4)), READY]));
      } else if (bytes.includes('nonsense')) socket.write(NONSENSE);
      else socket.write(Buffer.concat([message('C', Buffer.from('SELECT 0\0')), READY]));
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return `postgresql://u@127.0.0.1:${port}/d?sslmode=disable`;
}

describe.each(DRIVERS)('%s', (driver) => {
  test('an answer that the driver cannot read ends the connection, and nothing is thrown elsewhere', async () => {
    const connection = await openConnection(driver, await listen());
    const running = connection.sendSimple('nonsense');
    const failure = await running.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectionLostError);
    // What it could not read, and not only that the connection is gone.
    expect(((failure as Error).cause as Error).message).not.toMatch(/terminated|closed/i);
    expect(connection.closed).toBeInstanceOf(ConnectionLostError);
  });
});

test('an answer that is too large for a string is not asked for again', () => {
  const cause = Object.assign(new Error('Cannot create a string longer'), { code: 'ERR_STRING_TOO_LONG' });
  expect(classify(new ConnectionLostError('lost', { cause }))).toBe('definite');
  expect(classify(new ConnectionLostError('lost'))).toBe('connection');
});
