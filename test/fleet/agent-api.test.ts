import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { heartbeatPath, refusal } from '../../examples/fleet/src/agent-api/protocol.ts';
import { createAgentApi } from '../../examples/fleet/src/agent-api/server.ts';
import { rawPublicKey, signRequest } from '../../examples/fleet/src/agent-api/signature.ts';
import { type HardwareReport, readHardware, runAgentApi } from '../../examples/fleet/src/index.ts';
import { markAgentStarted } from '../../examples/fleet/src/queries/agents.ts';
import { requestInstallation } from '../../examples/fleet/src/queries/installation.ts';
import {
  getHardwareReport,
  type ListMachinesRow,
  listMachines,
} from '../../examples/fleet/src/queries/machines.ts';
import { knownMachines, markProvided, wantMachines } from '../../examples/fleet/src/queries/provisioning.ts';
import { connect, type Database } from '../../src/index.ts';
import { dropReply, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { log, Replicas } from './support/fleet.ts';

let database: TestDatabase;
let db: Database;
let replicas: Replicas;
/** Two replicas of the API: what one knows, the other knows. */
let urls: string[];
beforeAll(async () => {
  database = await createTestDatabase();
  db = await connect({ url: database.url, pool: { max: 2 } });
  replicas = new Replicas(database.url);
  const start = () => replicas.start((own) => runAgentApi(own, { log, host: '127.0.0.1', port: 0 }));
  urls = [(await start()).url, (await start()).url];
});
afterAll(async () => {
  await replicas[Symbol.asyncDispose]();
  await db.close();
  await database.drop();
});

let name: string;
let machineId: string;
let keys: ReturnType<typeof newKeys>;
beforeEach(async () => {
  name = `node-${randomUUID()}`;
  await db.transact((tx) => wantMachines(tx, { provider: 'test', names: [name], osImages: ['debian-13'] }));
  machineId = (await knownMachines(db, { provider: 'test' })).find(
    (machine) => machine.name === name,
  )!.machineId;
  await db.transact((tx) => markProvided(tx, { machineId, provider: 'test', providerId: name }));
  keys = newKeys();
  await startAgent(keys.publicKey, 1n);
});

function newKeys() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: rawPublicKey(publicKey) };
}

const startAgent = (agentPublicKey: Uint8Array, epoch: bigint) =>
  db.transact((tx) => markAgentStarted(tx, { machineId, epoch, agentPublicKey }));

const report = await readHardware();

interface Sent {
  readonly nonce: bigint;
  readonly body?: unknown;
  readonly signedBody?: unknown;
  readonly signer?: ReturnType<typeof newKeys>;
  readonly skewMs?: number;
  readonly replica?: 0 | 1 | 2;
  readonly machine?: string;
}

async function send({
  nonce,
  body = {},
  signedBody = body,
  signer = keys,
  skewMs = 0,
  replica = 0,
  machine = machineId,
}: Sent) {
  const path = heartbeatPath(machine);
  const request = { method: 'POST', path, body: JSON.stringify(signedBody) };
  const response = await fetch(new URL(path, urls[replica]), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...signRequest(request, signer.privateKey, signer.publicKey, nonce, Date.now() + skewMs),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

async function machine(): Promise<ListMachinesRow> {
  const machines = await db.transact((tx) => listMachines(tx, { silentMs: 60_000n }), { readOnly: true });
  return machines.find((candidate) => candidate.name === name)!;
}

test('a heartbeat with this host’s hardware makes a started agent a living one', async () => {
  const hardware: HardwareReport = await readHardware();
  expect(hardware.cpus.length).toBeGreaterThan(0);
  expect(hardware.memoryBytes).toBeGreaterThan(2 ** 28);
  expect((await machine()).state).toBe('starting');
  expect(await send({ nonce: 1n, body: { hardware } })).toEqual({ status: 200, answer: {} });
  expect((await machine()).state).toBe('installing');
  expect((await getHardwareReport(db, { name }))?.report).toEqual(hardware);
});

test('a heartbeat whose commit is not answered is filed once, and the agent hears that it was', async () => {
  await using proxy = await startFaultProxy({ url: database.url });
  await using behind = new Replicas(proxy.url);
  urls[2] = (await behind.start((own) => runAgentApi(own, { log, host: '127.0.0.1', port: 0 }))).url;
  const lost = proxy.inject({
    direction: 'to-server',
    at: ({ sql }) => /^(COMMIT|RELEASE)/.test(sql ?? ''),
    action: dropReply(),
  });
  expect(await send({ nonce: 7n, replica: 2 })).toEqual({ status: 200, answer: {} });
  await lost.struck;
  expect(await send({ nonce: 7n, replica: 2 })).toMatchObject({
    status: 409,
    answer: { error: 'replayed' },
  });
});

describe('a request is refused, and changes nothing,', () => {
  test('when it was sent before, to whichever replica', async () => {
    expect((await send({ nonce: 5n, replica: 0 })).status).toBe(200);
    const before = await machine();
    expect(await send({ nonce: 5n, replica: 1 })).toMatchObject({
      status: 409,
      answer: { error: 'replayed' },
    });
    expect(await send({ nonce: 4n, replica: 1 })).toMatchObject({
      status: 409,
      answer: { error: 'replayed' },
    });
    expect(await machine()).toEqual(before);
    expect((await send({ nonce: 6n, replica: 1 })).status).toBe(200);
  });

  test.each([
    ['its body is not the signed one', { signedBody: { other: true } }, 401, 'digest'],
    ['it was signed too long ago', { skewMs: -120_000 }, 401, 'created'],
    ['it was signed in the future', { skewMs: 120_000 }, 401, 'created'],
    ['its body is no heartbeat', { body: { hardware: { cpus: 'many' } } }, 400, 'body'],
    ['its report has a zero byte', { body: { hardware: { ...report, hostname: 'a\0b' } } }, 400, 'body'],
    ['its report has half a character', { body: { hardware: { ...report, kernel: '\ud83d' } } }, 400, 'body'],
    ['its machine is not known', { machine: randomUUID() }, 401, 'unknown-machine'],
    ['its machine is no machine', { machine: 'x' }, 401, 'unknown-machine'],
  ])('when %s', async (_, sent: Partial<Sent>, status, error) => {
    expect(await send({ nonce: 1n, ...sent })).toMatchObject({ status, answer: { error } });
    expect((await machine()).state).toBe('starting');
  });

  test('when another agent was started since: its key speaks for the machine no more', async () => {
    expect((await send({ nonce: 1n })).status).toBe(200);
    const successor = newKeys();
    await startAgent(successor.publicKey, 2n);
    expect(await send({ nonce: 2n })).toMatchObject({ status: 401, answer: { error: 'superseded' } });
    expect((await send({ nonce: 3n, signer: successor })).status).toBe(200);
  });

  test.each(['%zz', 'x'.repeat(300)])(
    'when its path is no path, in the words of the protocol',
    async (machine) => {
      const response = await fetch(new URL(`/v1/machines/${machine}/heartbeat`, urls[0]), { method: 'POST' });
      expect(refusal.parse(await response.json()).error).toBe('body');
      expect(response.status).toBeGreaterThanOrEqual(400);
    },
  );

  test('when it is not signed at all', async () => {
    const response = await fetch(new URL(heartbeatPath(machineId), urls[0]), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: 'missing' });
  });
});

describe('strangers', () => {
  test('cost no transaction, are limited by address, and keep known agents from nothing', async () => {
    expect((await send({ nonce: 1n })).status).toBe(200);
    await using proxy = await startFaultProxy({ url: database.url });
    const asked: string[] = [];
    proxy.watch(({ sql }) => void (sql && asked.push(sql)));
    await using own = await connect({ url: proxy.url, pool: { max: 2 } });
    const rate = { most: 5, windowMs: 3_600_000 };
    await using app = createAgentApi(own, { strangerRate: { ...rate, most: 6 }, agentRate: rate });
    const post = async (nonce: bigint, signer = newKeys(), machine = machineId) => {
      const path = heartbeatPath(machine);
      const signed = signRequest(
        { method: 'POST', path, body: '{}' },
        signer.privateKey,
        signer.publicKey,
        nonce,
        Date.now(),
      );
      const headers = { 'content-type': 'application/json', ...signed };
      const {
        statusCode,
        json,
        headers: said,
      } = await app.inject({ method: 'POST', url: path, headers, payload: '{}' });
      return { status: statusCode, error: json().error, retryAfter: said['retry-after'] };
    };
    const accepted = { status: 200, error: undefined };
    const limited = { status: 429, error: 'limited', retryAfter: expect.stringMatching(/^3[56]\d\d$/) };
    expect(await post(2n, keys)).toMatchObject(accepted);
    asked.length = 0;
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => post(1n, newKeys(), i % 2 === 0 ? machineId : randomUUID())),
    );
    const refusals = answers.filter(({ status }) => status === 401).map(({ error }) => error);
    expect(refusals.sort()).toEqual(
      [...Array(3).fill('superseded'), ...Array(2).fill('unknown-machine')].sort(),
    );
    expect(answers.filter(({ status }) => status !== 401)).toEqual(Array(295).fill(limited));
    expect(asked.filter((sql) => /BEGIN|heartbeat/.test(sql))).toEqual([]);
    expect(asked.length).toBeGreaterThan(0);
    asked.length = 0;
    // What a known agent has sent before is refused without the database.
    expect(await post(2n, keys)).toMatchObject({ status: 409, error: 'replayed' });
    expect(asked).toEqual([]);
    for (const nonce of [3n, 4n, 5n]) expect(await post(nonce, keys)).toMatchObject(accepted);
    expect(await post(6n, keys)).toMatchObject(accepted);
    expect(await post(7n, keys)).toEqual(limited);
  });
});

describe('installations', () => {
  test('are asked for until they are reported, generation by generation', async () => {
    const request = () => db.transact((tx) => requestInstallation(tx, { machineId }));
    await request();
    const first = { installation: { generation: 1, image: 'debian-13' } };
    expect((await send({ nonce: 1n })).answer).toEqual(first);
    expect((await send({ nonce: 2n })).answer).toEqual(first);
    await send({
      nonce: 3n,
      body: { installation: { generation: 1, result: 'failure', detail: 'no disk' } },
    });
    expect(await machine()).toMatchObject({ osReportedGeneration: 1n, osResult: 'failure' });
    expect((await send({ nonce: 4n })).answer).toEqual({});

    await request();
    expect((await send({ nonce: 5n })).answer).toEqual({
      installation: { generation: 2, image: 'debian-13' },
    });
    await send({ nonce: 6n, body: { installation: { generation: 1, result: 'success' } } });
    expect(await machine()).toMatchObject({ osReportedGeneration: 1n, osResult: 'failure' });
    await send({ nonce: 7n, body: { installation: { generation: 2, result: 'success' } } });
    expect(await machine()).toMatchObject({ osReportedGeneration: 2n, osResult: 'success' });
  });
});
