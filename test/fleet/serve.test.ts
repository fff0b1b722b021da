import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { heartbeatPath } from '../../examples/fleet/src/agent-api/protocol.ts';
import { rawPublicKey, signRequest } from '../../examples/fleet/src/agent-api/signature.ts';
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
});

test('readiness is apart from load: it says 200 while every connection is busy', async () => {
  const database = await createTestDatabase();
  await using proxy = await startFaultProxy({ url: database.url });
  await using api = startComponent('agent-api', ['--listen', '127.0.0.1:0', '--connections', '2'], proxy.url);
  const { health } = await api.said('started');
  const { url } = await api.said('listening');
  const at = ({ sql }: { readonly sql?: string | undefined }) => sql?.includes('agent_public_key') === true;
  const held = proxy.inject({ direction: 'to-server', at, action: stall(), times: 1_000 });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const path = heartbeatPath('00000000-0000-4000-8000-000000000001');
  const signed = signRequest(
    { method: 'POST', path, body: '{}' },
    privateKey,
    rawPublicKey(publicKey),
    1n,
    Date.now(),
  );
  const headers = { 'content-type': 'application/json', ...signed };
  const strangers = Array.from({ length: 20 }, () =>
    fetch(new URL(path, String(url)), { method: 'POST', headers, body: '{}' }).catch(() => undefined),
  );
  await held.struck;
  await waitFor(async () => (await status(`${health}/readyz`)) === 200);
  expect(await api.end('SIGKILL')).toBe('SIGKILL');
  await Promise.all(strangers);
  await database.drop();
});

test('a component shows its metrics where it is told to, and sends a collector spans and metrics until its end', async () => {
  const { url } = await createTestDatabase();
  const received = new Set<string>();
  const collector = createHttpServer((request, response) => {
    received.add(request.url!);
    request
      .resume()
      .on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address() as { port: number };
  const flags = ['--metrics', '127.0.0.1:0', '--sweep-interval-ms', '100'];
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  await using janitor = startComponent('janitor', flags, url, env);
  const { metrics, health } = await janitor.said('connecting');
  expect(metrics).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const text = async () => (await fetch(String(metrics))).text();
  await waitFor(async () => /^holdfast_fleet_machines\{state="running"\} 0$/m.test(await text()));
  await waitFor(async () => /^db_client_operation_duration_seconds_count\{.*\} \d+$/m.test(await text()));
  expect(await text()).toContain('service_name="holdfast-fleet-janitor"');
  expect(await status(String(metrics).replace('/metrics', '/'))).toBe(404);
  expect(await status(`${health}/metrics`)).toBe(404);
  expect(await janitor.end('SIGTERM')).toBe(0);
  expect([...received].sort()).toEqual(['/v1/metrics', '/v1/traces']);
  collector.close();
});

test.each(['--health', '--metrics'])(
  'an address for %s that is taken is told in one line, and nothing keeps running behind it',
  async (flag) => {
    const { url } = await createEmptyTestDatabase();
    const taken = createServer((socket: Socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const result = await runCli(['fleet', 'installer', flag, `127.0.0.1:${port}`], {
      HOLDFAST_DATABASE_URL: url,
    });
    taken.close();
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: `holdfast: cannot listen on 127.0.0.1:${port}: another process uses it; name another address with ${flag}\n`,
    });
  },
);
