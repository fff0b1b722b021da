import { migrate } from '../../src/migrate/index.ts';

/** Brings a fresh database to the newest schema. */
export async function migrateForTests(url: string): Promise<void> {
  await migrate(url, { sets: ['holdfast', 'fleet'] });
}
