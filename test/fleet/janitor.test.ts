import { afterAll, beforeAll, expect, test } from 'vitest';
import { MACHINE_STATES, runFleetJanitor } from '../../examples/fleet/src/components/janitor.ts';
import { knownMachines, markProvided, wantMachines } from '../../examples/fleet/src/queries/provisioning.ts';
import { connect } from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';
import { log, Replicas } from './support/fleet.ts';

const options = {
  silentMs: 60_000,
  sweepIntervalMs: 60_000,
  provider: { name: 'test' },
  firstHeartbeatMs: 60_000,
  retryMs: 60_000,
};

let telemetry: RecordedTelemetry;
beforeAll(() => {
  telemetry = recordTelemetry();
});
afterAll(() => telemetry.stop());

test('the gauge of machines has every state and follows the fleet', async () => {
  const database = await createTestDatabase();
  const machines = async () => {
    const points = await telemetry.points('holdfast.fleet.machines');
    return Object.fromEntries(points.map(({ attributes, value }) => [attributes['state'], value]));
  };
  const none = Object.fromEntries(MACHINE_STATES.map((state) => [state, 0]));
  {
    await using replicas = new Replicas(database.url);
    await replicas.start(async (db) => {
      const janitor = runFleetJanitor(db, { ...options, log });
      await janitor.sweep();
      expect(await machines()).toEqual(none);
      await wantMachines(db, { provider: 'test', names: ['a', 'b', 'c'], osImages: ['', '', ''] });
      const [a] = await knownMachines(db, { provider: 'test' });
      await markProvided(db, { machineId: a!.machineId, provider: 'test', providerId: 'p' });
      await janitor.sweep();
      expect(await machines()).toEqual({ ...none, wanted: 2, provided: 1 });
      return janitor;
    });
  }
  await database.drop();
});

test('what is pending is what a claim would take: neither what is held nor what is paused', async () => {
  const database = await createTestDatabase();
  {
    await using db = await connect({ url: database.url });
    const pending = async () => {
      const janitor = runFleetJanitor(db, { ...options, log });
      await janitor.sweep();
      const points = await telemetry.points('holdfast.work.pending');
      await janitor.stop({ graceMs: 0 });
      return Object.fromEntries(points.map(({ attributes, value }) => [attributes['kind'], value]));
    };
    const none = { FleetProvision: 0, FleetRetire: 0, FleetInitialize: 0, FleetRecover: 0, FleetInstall: 0 };
    await wantMachines(db, { provider: 'test', names: ['a', 'b', 'c'], osImages: ['', '', ''] });
    const [a, b] = await knownMachines(db, { provider: 'test' });
    await markProvided(db, { machineId: a!.machineId, provider: 'test', providerId: 'p' });
    expect(await pending()).toEqual({ ...none, FleetProvision: 2, FleetInitialize: 1 });
    await using session = await db.startSession({ component: 'provisioner' });
    await session.claim({ kind: 'FleetProvision', candidates: () => [b!.machineId] });
    await db.kinds.pause('FleetInitialize', 'night');
    expect(await pending()).toEqual({ ...none, FleetProvision: 1 });
  }
  await database.drop();
});
