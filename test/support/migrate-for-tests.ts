import { readdir, readFile } from 'node:fs/promises';
import { withAdmin } from './admin.ts';

/** Brings a fresh database to the newest schema. */
export async function migrateForTests(url: string): Promise<void> {
  await withAdmin(url, async (client) => {
    for (const set of ['holdfast', 'fleet']) {
      const dir = new URL(`../../schema/${set}/`, import.meta.url);
      const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.up.sql')).sort();
      if (names.length > 0) await client.query(`CREATE SCHEMA IF NOT EXISTS ${set}`);
      for (const name of names) await client.query(await readFile(new URL(name, dir), 'utf8'));
    }
  });
}
