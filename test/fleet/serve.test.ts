import { once } from 'node:events';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { stall, startFaultProxy } from '../../src/testing/index.ts';
import { createEmptyTestDatabase, createTestDatabase, waitFor } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';
import { startComponent } from './support/component-process.ts';

const status = async (url: string) => (await fetch(url)).status;

test('a component answers from its start, is ready only while the database answers, and drains whatever hangs', async () => {
  const database = await createTestDatabase();
  await using proxy = await startFaultProxy({ url: database.url });
  const silence = proxy.inject({ direction: 'to-server', startup: true, action: stall() });
  const flags = ['--listen', '127.0.0.1:0', '--grace-ms', '200'];
  await using api = startComponent('agent-api', flags, proxy.url);
  const { health } = await api.said('connecting');
  await silence.struck;
  expect([await status(`${health}/livez`), await status(`${health}/readyz`)]).toEqual([200, 503]);

  silence.release();
  const { url } = await api.said('listening');
  await api.said('started');
  await waitFor(async () => (await status(`${health}/readyz`)) === 200);

  proxy.inject({ direction: 'to-server', action: stall(), times: 1_000 });
  expect([await status(`${health}/livez`), await status(`${health}/readyz`)]).toEqual([200, 503]);

  // Somebody who never sends the rest of a request, and a probe under way, keep nothing from ending.
  const { hostname, port } = new URL(String(url));
  const half = connectSocket(Number(port), hostname);
  half.on('error', () => {});
  half.write('POST /v1/machines/x/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
  const probe = fetch(`${health}/readyz`).catch(() => undefined);
  expect(await api.end('SIGTERM')).toBe(0);
  await probe;
  half.destroy();
  await database.drop();
}, 60_000);

test('an address that is taken is told in one line, and nothing keeps running behind it', async () => {
  const { url } = await createEmptyTestDatabase();
  const taken = createServer((socket: Socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const result = await runCli(['fleet', 'installer', '--health', `127.0.0.1:${port}`], {
    HOLDFAST_DATABASE_URL: url,
  });
  taken.close();
  expect(result).toEqual({
    code: 1,
    stdout: '',
    stderr: `holdfast: cannot listen on 127.0.0.1:${port}: another process uses it; name another address with --health\n`,
  });
});
