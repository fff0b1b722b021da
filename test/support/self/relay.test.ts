import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { within } from '../../../src/base/index.ts';
import { Relay } from '../servers/relay.ts';
import { waitFor } from '../wait-for.ts';

/** Answers with what it hears, and remembers who is there. */
async function startEcho() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    socket.on('data', (bytes) => socket.write(bytes));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port, sockets, stop, [Symbol.asyncDispose]: stop };
}

/** A client that gathers what it hears. */
function dial(port: number) {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  const client = { socket, heard: '', [Symbol.dispose]: () => void socket.destroy() };
  socket.on('data', (bytes) => {
    client.heard += bytes;
  });
  return client;
}

test('a silent relay holds what is on its way and who is new, and lets both go on when it is not silent any more', async () => {
  await using echo = await startEcho();
  await using relay = await Relay.start(() => echo.port);
  using early = dial(relay.port);
  early.socket.write('one');
  using mute = dial(relay.port);
  await once(mute.socket, 'connect');
  await waitFor(() => early.heard === 'one');

  relay.silent = true;
  early.socket.write(' two');
  using late = dial(relay.port);
  late.socket.write('late');
  // Beside it everything is heard: what is not heard by now is held.
  await using other = await Relay.start(() => echo.port);
  using witness = dial(other.port);
  witness.socket.write('beside');
  await waitFor(() => witness.heard === 'beside');
  expect([early.heard, late.heard, relay.open.length]).toEqual(['one', '', 1]);

  relay.silent = false;
  await waitFor(() => early.heard === 'one two' && late.heard === 'late');
  expect(relay.open.length).toBe(2);
});

test('who leaves a silent relay is gone at once, whatever was said before, and the target hears of both later', async () => {
  await using echo = await startEcho();
  await using relay = await Relay.start(() => echo.port);
  using client = dial(relay.port);
  client.socket.write('one');
  await waitFor(() => client.heard === 'one');
  const [end] = relay.open;
  const [target] = echo.sockets;
  relay.silent = true;
  client.socket.end(' two');
  await waitFor(() => end!.destroyed && relay.open.length === 0);
  expect([target!.bytesRead, target!.destroyed]).toEqual([3, false]);

  relay.silent = false;
  await waitFor(() => target!.destroyed);
  expect(target!.bytesRead).toBe(7);
});

test('what is open ends when the target does, and what is new is reset while nothing listens', async () => {
  const echo = await startEcho();
  await using relay = await Relay.start(() => echo.port);
  using client = dial(relay.port);
  client.socket.write('one');
  await waitFor(() => client.heard === 'one');
  await echo.stop();
  await waitFor(() => client.socket.destroyed && relay.open.length === 0);
  using refused = dial(relay.port);
  await waitFor(() => refused.socket.destroyed);
  expect(relay.open).toEqual([]);
});

/** A process that listens and has stopped, with as many connections as its kernel keeps for it: further ones are not answered. */
async function startFullHouse() {
  const listen = `const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [said] = await once(child.stdout, 'data');
  const port = Number(said);
  child.kill('SIGSTOP');
  const guests: Socket[] = [];
  const stop = async () => {
    for (const guest of guests) guest.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  // Until one is not let in at once.
  for (let isFull = false; !isFull; ) {
    const guest = connect(port, '127.0.0.1').on('error', () => {});
    guests.push(guest);
    isFull = await within(
      500,
      once(guest, 'connect').then(() => false),
      () => true,
    );
  }
  return { port, [Symbol.asyncDispose]: stop };
}

test('a relay closes though a client has left before the target let it in', async () => {
  await using target = await startFullHouse();
  const relay = await Relay.start(() => target.port);
  using client = dial(relay.port);
  await once(client.socket, 'connect');
  client.socket.end();
  await once(client.socket, 'finish');
  await relay[Symbol.asyncDispose]();
  await waitFor(() => client.socket.destroyed);
});
