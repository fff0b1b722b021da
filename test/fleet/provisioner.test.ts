import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type CreateMachineRequest,
  type ProvidedMachine,
  type Provider,
  runProvisioner,
  SimulatedProvider,
} from '../../examples/fleet/src/index.ts';
import { finishedPerMachine, workCounts } from '../../examples/fleet/src/queries/audit.ts';
import { listMachines } from '../../examples/fleet/src/queries/machines.ts';
import { connect, type Database } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase, waitFor } from '../support/database.ts';
import { pace, Replicas, writeInventory } from './support/fleet.ts';

const never = new AbortController().signal;
const simulated = () =>
  new SimulatedProvider({ apiUrls: ['http://127.0.0.1:1'], heartbeatIntervalMs: 1_000, lostAfterMs: 1_000 });
const provisioner = (provider: Provider, inventoryFile: string) => (db: Database) =>
  runProvisioner(db, { ...pace, provider, inventoryFile, reconcileIntervalMs: 200 });

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

/** `name: state` of every machine, and what the provider has. */
async function views(db: Database, provider: Provider) {
  const machines = await db.transact((tx) => listMachines(tx, { silentMs: 60_000n }), { readOnly: true });
  const listed = await provider.listMachines(never);
  return {
    database: machines.map(({ name, state }) => `${name}: ${state}`),
    provider: listed.map(({ name }) => name).sort(),
    ids: new Map(machines.map(({ name, providerId }) => [name, providerId])),
    listed,
  };
}

test('provider and database follow the inventory, both ways', async () => {
  await using db = await connect({ url: database.url, pool: { max: 1 } });
  await using inventory = await writeInventory(['a', 'b', 'c']);
  await using provider = simulated();
  // Before anybody looks: one machine that a dead provisioner left, one that belongs to nothing.
  const left = await provider.createMachine({ machineId: randomUUID(), name: 'a' }, never);
  await provider.createMachine({ machineId: randomUUID(), name: 'unknown' }, never);

  await using replicas = new Replicas(database.url);
  await replicas.start(provisioner(provider, inventory.file));
  await replicas.start(provisioner(provider, inventory.file));
  const provided = ['a: provided', 'b: provided', 'c: provided'];
  const reach = (what: string, database_: string[], names: string[]) =>
    waitFor(
      async () => {
        const view = await views(db, provider);
        return String(view.database) === String(database_) && String(view.provider) === String(names) && view;
      },
      { what },
    );
  const first = await reach('the first three', provided, ['a', 'b', 'c']);
  expect(first.ids.get('a')).toBe(left.providerId);

  // A machine vanishes at the provider: it is replaced by another.
  await provider.destroyMachine(first.ids.get('b')!);
  const second = await reach('the replacement', provided, ['a', 'b', 'c']);
  expect(second.ids.get('b')).not.toBe(first.ids.get('b'));

  // The inventory changes: one goes, one comes.
  await inventory.write(['a', 'c', 'd']);
  await reach('the change', ['a: provided', 'c: provided', 'd: provided'], ['a', 'c', 'd']);

  // A bad inventory stops nothing and changes nothing: it fails with its reason in the history.
  await inventory.write(['Not A Name']);
  await waitFor(async () => {
    const counts = await db.transact((tx) => workCounts(tx, { since: new Date(0) }), { readOnly: true });
    return counts.some(({ kind, event }) => kind === 'FleetReconcile' && event === 'failed');
  });
  expect((await views(db, provider)).provider).toEqual(['a', 'c', 'd']);
});

test('a provisioner lost between creating a machine and saying so leaves nothing to be created twice', async () => {
  await using db = await connect({ url: database.url, pool: { max: 1 } });
  await using inventory = await writeInventory(['a', 'b']);
  await using cloud = simulated();
  const created = Promise.withResolvers<void>();
  /** Creates machines and never says so: as if it had been killed there. */
  const mute: Provider = {
    name: cloud.name,
    listMachines: (signal) => cloud.listMachines(signal),
    destroyMachine: (providerId) => cloud.destroyMachine(providerId),
    startAgent: (request, signal) => cloud.startAgent(request, signal),
    createMachine: async (request: CreateMachineRequest, signal: AbortSignal): Promise<ProvidedMachine> => {
      await cloud.createMachine(request, signal);
      if ((await cloud.listMachines(signal)).length === 2) created.resolve();
      return new Promise(() => {});
    },
  };
  {
    const replicas = new Replicas(database.url);
    await replicas.start(async (own) => {
      const component = runProvisioner(own, {
        ...pace,
        provider: mute,
        inventoryFile: inventory.file,
        // It compares once, so that only the next provisioner can adopt what it left.
        reconcileIntervalMs: 3_600_000,
      });
      return { ...component, stop: () => component.stop({ graceMs: 0 }) };
    });
    await created.promise;
    const before = await cloud.listMachines(never);
    await replicas[Symbol.asyncDispose]();
    await using next = new Replicas(database.url);
    await next.start(provisioner(cloud, inventory.file));
    await waitFor(async () => (await views(db, cloud)).database.every((line) => line.endsWith(': provided')));
    expect(await cloud.listMachines(never)).toEqual(before);
    const finished = await finishedPerMachine(db, { kind: 'FleetProvision', since: new Date(0) });
    expect(finished.every((row) => row.finished <= 1n)).toBe(true);
  }
});
