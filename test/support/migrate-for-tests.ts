import { FLEET_SCHEMA } from '../../examples/fleet/src/schema.ts';
import { migrate } from '../../src/migrate/index.ts';

/** Brings a fresh database to the newest schema. */
export async function migrateForTests(url: string): Promise<void> {
  await migrate(url, { sets: ['holdfast', FLEET_SCHEMA] });
}
