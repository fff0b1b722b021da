import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProcessProvider, runAgentApi, runProvisioner } from '../../examples/fleet/src/index.ts';
import { findAgent, listEpochs } from '../../examples/fleet/src/provider/agent-directory.ts';
import {
  finishedPerMachine,
  heldMachines,
  overlappingWork,
  takeOvers,
} from '../../examples/fleet/src/queries/audit.ts';
import { listMachines } from '../../examples/fleet/src/queries/machines.ts';
import { connect, type Database, type Transaction } from '../../src/index.ts';
import { startComponent } from '../fleet/support/component-process.ts';
import { log, pace, Replicas, states, writeInventory } from '../fleet/support/fleet.ts';
import { createTestDatabase, type TestDatabase, waitFor } from '../support/database.ts';

const names = ['a', 'b', 'c'];
let database: TestDatabase;
let db: Database;
let replicas: Replicas;
let directory: string;
let provider: ProcessProvider;
let flags: string[];
let inventory: Awaited<ReturnType<typeof writeInventory>>;

beforeAll(async () => {
  database = await createTestDatabase();
  db = await connect({ url: database.url, pool: { max: 2 } });
  inventory = await writeInventory(names, 'none');
  directory = await mkdtemp(join(tmpdir(), 'holdfast-machines-'));
  provider = new ProcessProvider({ directory, agentCommand: ['agents are started by others'] });
  replicas = new Replicas(database.url);
  const api = await replicas.start((own) => runAgentApi(own, { log, host: '127.0.0.1', port: 0 }));
  await replicas.start((own) =>
    runProvisioner(own, { ...pace, provider, inventoryFile: inventory.file, reconcileIntervalMs: 500 }),
  );
  flags = ['--machines-directory', directory, '--agent-api', api.url, '--agent-heartbeat-ms', '200'];
  flags.push('--session-interval-ms', '1000', '--poll-interval-ms', '200', '--boot-delay-ms', '1000');
});
afterAll(async () => {
  await replicas[Symbol.asyncDispose]();
  for (const { providerId } of await provider.listMachines()) await provider.destroyMachine(providerId);
  await rm(directory, { recursive: true, force: true });
  await inventory[Symbol.asyncDispose]();
  await db.close();
  await database.drop();
});

const read = <T>(query: (tx: Transaction) => Promise<T>) => db.transact(query, { readOnly: true });
const heldBy = async ({ pid }: { pid: number }) =>
  (await read(heldMachines)).filter(({ instance }) => instance.endsWith(` pid ${pid}`));
const running = () => waitFor(async () => (await states(db, 2_000))['running'] === 3);

async function livingAgents(): Promise<Map<string, bigint[]>> {
  const found = new Map<string, bigint[]>();
  for (const { providerId, name } of await provider.listMachines()) {
    const machine = join(directory, providerId);
    const alive: bigint[] = [];
    for (const epoch of await listEpochs(machine)) if (await findAgent(machine, epoch)) alive.push(epoch);
    found.set(name!, alive);
  }
  return found;
}

test('kill -9 of an initializer in the middle of its work heals, and nothing is initialized twice', async () => {
  const victim = startComponent('initializer', flags, database.url);
  const held = await waitFor(async () => {
    const work = await heldBy(victim);
    return work.length === names.length && work;
  });
  await victim.end('SIGKILL');
  await using successor = startComponent('initializer', flags, database.url);
  await running();

  const taken = await read((tx) => takeOvers(tx, { since: new Date(0) }));
  expect(taken.map(({ target, token, fromSession }) => ({ target, token, fromSession }))).toEqual(
    expect.arrayContaining(
      held.map(({ target, token, sessionId }) => ({ target, token, fromSession: sessionId })),
    ),
  );
  expect(await read((tx) => finishedPerMachine(tx, { kind: 'FleetInitialize', since: new Date(0) }))).toEqual(
    names.map((name) => ({ name, finished: 1n })),
  );
  expect(await read(overlappingWork)).toEqual([]);
  expect([...(await livingAgents()).values()].map((epochs) => epochs.length)).toEqual([1, 1, 1]);

  // The successor is asked to stop: it is ready until then, drains, and ends by itself with nothing held.
  const { health } = await successor.said('started');
  expect((await fetch(`${health}/livez`)).status).toBe(200);
  expect((await fetch(`${health}/readyz`)).status).toBe(200);
  expect(await successor.end('SIGTERM')).toBe(0);
  expect(await heldBy(successor)).toEqual([]);
});

test('kill -9 of an agent and of the recoverer that restarts it heals', async () => {
  const recovering = [...flags, '--silent-ms', '1500', '--first-heartbeat-ms', '10000'];
  const victim = startComponent('recoverer', recovering, database.url);
  await victim.said('started');
  const machine = (await read((tx) => listMachines(tx, { silentMs: 60_000n })))[0]!;
  const agent = await findAgent(join(directory, machine.providerId!), machine.agentEpoch!);
  process.kill(agent!.pid, 'SIGKILL');
  await waitFor(async () => (await heldBy(victim)).length > 0);
  await victim.end('SIGKILL');
  await using successor = startComponent('recoverer', recovering, database.url);
  await successor.said('agent restarted');
  await running();
  const after = (await read((tx) => listMachines(tx, { silentMs: 60_000n })))[0]!;
  expect((await livingAgents()).get(machine.name)).toEqual([after.agentEpoch]);
  expect(after.agentEpoch).toBeGreaterThan(machine.agentEpoch!);
  expect(await read(overlappingWork)).toEqual([]);
});

test('a recoverer stopped past its deadline and continued changes nothing, in the database or on the machine', async () => {
  const recovering = [...flags, '--silent-ms', '1500', '--first-heartbeat-ms', '10000'];
  await using zombie = startComponent('recoverer', recovering, database.url);
  await zombie.said('started');
  const find = async () => (await read((tx) => listMachines(tx, { silentMs: 60_000n })))[1]!;
  const machine = await find();
  const agent = await findAgent(join(directory, machine.providerId!), machine.agentEpoch!);
  process.kill(agent!.pid, 'SIGKILL');
  // It holds the work and has begun to start an agent.
  const machineDirectory = join(directory, machine.providerId!);
  await waitFor(async () => (await listEpochs(machineDirectory)).at(-1)! > machine.agentEpoch!);
  process.kill(zombie.pid, 'SIGSTOP');
  await using successor = startComponent('recoverer', recovering, database.url);
  await successor.said('agent restarted');
  const after = await find();
  await running();

  process.kill(zombie.pid, 'SIGCONT');
  await zombie.said('survived an error');
  expect(await find()).toMatchObject({ agentEpoch: after.agentEpoch, agentPublicKey: after.agentPublicKey });
  await waitFor(async () => String((await livingAgents()).get(machine.name)) === String(after.agentEpoch), {
    what: 'one agent of the successor',
  });
  expect(await read(overlappingWork)).toEqual([]);
});
