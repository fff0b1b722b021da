// What agents, probes and scrapes are answered by: everything that comes may be written by somebody hostile.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { heartbeatPath } from '../../examples/fleet/src/agent-api/protocol.ts';
import { createAgentApi } from '../../examples/fleet/src/agent-api/server.ts';
import { rawPublicKey, signRequest } from '../../examples/fleet/src/agent-api/signature.ts';
import { serveHealth } from '../../examples/fleet/src/components/health.ts';
import { markAgentStarted } from '../../examples/fleet/src/queries/agents.ts';
import { knownMachines, markProvided, wantMachines } from '../../examples/fleet/src/queries/provisioning.ts';
import { listenForSmall, startTelemetry } from '../../examples/telemetry/index.ts';
import { connect, type Database } from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  answered,
  bombard,
  exchange,
  hostileRequest,
  NASTY,
  nastyJson,
  objectOf,
  open,
  request,
  targetOf,
} from '../support/hostile-http.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

expectNoUncaughtErrors();

let db: Database;
let api: ReturnType<typeof createAgentApi>;
let url: string;
let machineId: string;
const failures: unknown[] = [];
const keys = generateKeyPairSync('ed25519');
const publicKey = rawPublicKey(keys.publicKey);
let nonce = 0n;
beforeAll(async () => {
  db = await connect({ url: (await createTestDatabase()).url });
  await db.transact((tx) => wantMachines(tx, { provider: 'test', names: ['n1'], osImages: ['debian-13'] }));
  machineId = (await knownMachines(db, { provider: 'test' }))[0]!.machineId;
  await db.transact((tx) => markProvided(tx, { machineId, provider: 'test', providerId: 'n1' }));
  await db.transact((tx) => markAgentStarted(tx, { machineId, epoch: 1n, agentPublicKey: publicKey }));
  const rate = { most: 100_000, windowMs: 60_000 };
  const onError = (error: unknown) => void failures.push(error);
  api = createAgentApi(db, { agentRate: rate, strangerRate: rate, onError });
  url = await api.listen({ host: '127.0.0.1', port: 0 });
  api.server.requestTimeout = 400;
  api.server.headersTimeout = 400;
});
afterAll(async () => {
  await api?.close();
  await db?.close();
});

/** A request of the machine's own agent: what it is about is signed, and reaches the database if it may. */
function signed(body: string, path = heartbeatPath(machineId)): string[] {
  nonce += 1n;
  const said = signRequest({ method: 'POST', path, body }, keys.privateKey, publicKey, nonce, Date.now());
  return [
    `Host: ${new URL(url).host}`,
    'Content-Type: application/json',
    ...Object.entries(said).map(([name, value]) => `${name}: ${value}`),
  ];
}

const stillGood = async () => {
  const { statuses } = await exchange(url, request('POST', heartbeatPath(machineId), signed('{}'), '{}'));
  expect(statuses).toEqual([200, 404]);
  expect(failures.splice(0)).toEqual([]);
};

test('the agent API: requests that are no HTTP, too much, cut off or read two ways get no 5xx and tell nothing', async () => {
  const routes = [
    heartbeatPath(machineId),
    heartbeatPath(randomUUID()),
    '/v1/machines',
    '/v1/machines/x/heartbeat',
  ];
  const requests = hostileRequest(targetOf(routes), () => signed('{}'));
  const seen = await bombard(url, requests, { count: 250, stillGood });
  for (const status of [400, 404, 431]) expect([...seen.keys()]).toContain(status);
});

test('the agent API: a signed heartbeat may say anything, and a signature may be anything', async () => {
  const hardware = objectOf(
    ['hostname', 'kernel', 'memoryBytes', 'cpus', 'disks', 'interfaces'],
    ['x', 1, []],
  );
  const installation = objectOf(['generation', 'result', 'detail'], [1, 'success', 'failure', 'no disk']);
  const body = fc.oneof(
    nastyJson,
    fc.record({ hardware, installation }, { requiredKeys: [] }).map((one) => JSON.stringify(one)),
    installation.map((one) => JSON.stringify({ installation: one })),
  );
  const path = fc.oneof(
    { weight: 6, arbitrary: fc.constant(heartbeatPath(machineId)) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(...NASTY)
        .map((one) => heartbeatPath(encodeURIComponent(one.toWellFormed()))),
    },
  );
  const change = fc.option(
    fc.tuple(
      fc.constantFrom('content-digest', 'signature-input', 'signature'),
      fc.constantFrom(
        '',
        'agent=()',
        'agent=::',
        'sha-256=::',
        'agent=("@method");created=1',
        `agent=:${'A'.repeat(86)}==:`,
        'é',
        'x'.repeat(9_000),
      ),
    ),
    { freq: 2 },
  );
  const requests = fc.tuple(body, path, change).map(([text, target, changed]) => {
    const wellFormed = text.toWellFormed();
    const headers = signed(wellFormed, target).filter(
      (line) => changed === null || !line.startsWith(`${changed[0]}:`),
    );
    return request('POST', target, changed === null ? headers : [...headers, changed.join(': ')], wellFormed);
  });
  const seen = await bombard(url, requests, { count: 250, stillGood });
  for (const status of [200, 400, 401]) expect([...seen.keys()]).toContain(status);
});

test('the agent API: more than a mebibyte, and what never comes, is cut off', async () => {
  const large = 'x'.repeat(1_100_000);
  expect(
    (await exchange(url, request('POST', heartbeatPath(machineId), signed(large), large))).statuses[0],
  ).toBe(413);
  const half = open(url);
  half.write(
    `POST ${heartbeatPath(machineId)} HTTP/1.1\r\n${signed('{}').join('\r\n')}\r\nContent-Length: 2\r\n\r\n{`,
  );
  expect((await answered(half)).statuses).toEqual([408]);
  const { maxConnections, maxRequestsPerSocket, timeout } = api.server;
  expect({ maxConnections, maxRequestsPerSocket, timeout }).toEqual({
    ...{ maxConnections: 10_000, maxRequestsPerSocket: 1_000, timeout: 60_000 },
  });
  await stillGood();
});

test('health and metrics: nothing gets a 5xx, tells anything or takes more than 100 connections', async () => {
  let asked = 0;
  const health = await serveHealth('127.0.0.1', 0, {
    isAlive: () => true,
    isReady: async () => {
      asked += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    },
  });
  await using telemetry = await startTelemetry({ service: 'test', metrics: { host: '127.0.0.1', port: 0 } });
  const routes = ['/livez', '/readyz', '/metrics', '/'];
  for (const at of [health.url, telemetry.url!.replace('/metrics', '')]) {
    const good = at === health.url ? '/readyz' : '/metrics';
    const isStillGood = async () => expect((await fetch(at + good)).status).toBe(200);
    const requests = hostileRequest(targetOf(routes), () => [`Host: ${new URL(at).host}`]);
    const seen = await bombard(at, requests, { count: 120, stillGood: isStillGood });
    for (const status of [400, 404, 405]) expect([...seen.keys()]).toContain(status);
  }
  // However many ask at once, the database is asked once: here all of them are read before the first answer.
  asked = 0;
  const all = await exchange(health.url, Buffer.from('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(60)));
  expect([asked, all.statuses]).toEqual([1, [...Array(60).fill(200), 404]]);
  const idle = Array.from({ length: 120 }, () => open(health.url));
  const closed = idle.map((socket) => answered(socket));
  await Promise.race(closed);
  for (const socket of idle) socket.destroy();
  await expect.poll(async () => (await fetch(`${health.url}/livez`)).status).toBe(200);
  await health.close();
  const { server } = await listenForSmall({ host: '127.0.0.1', port: 0 }, (_request, response) =>
    response.end(),
  );
  const { maxConnections, maxRequestsPerSocket, timeout, headersTimeout, requestTimeout } = server;
  server.close();
  expect({ maxConnections, maxRequestsPerSocket, timeout, headersTimeout, requestTimeout }).toEqual({
    ...{ maxConnections: 100, maxRequestsPerSocket: 1_000 },
    ...{ timeout: 30_000, headersTimeout: 5_000, requestTimeout: 5_000 },
  });
});
