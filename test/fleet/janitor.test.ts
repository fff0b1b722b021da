import { afterAll, beforeAll, expect, test } from 'vitest';
import { MACHINE_STATES, runFleetJanitor } from '../../examples/fleet/src/components/janitor.ts';
import { knownMachines, markProvided, wantMachines } from '../../examples/fleet/src/queries/provisioning.ts';
import { createTestDatabase } from '../support/database.ts';
import { type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';
import { log, Replicas } from './support/fleet.ts';

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
      const janitor = runFleetJanitor(db, { log, silentMs: 60_000, sweepIntervalMs: 60_000 });
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
