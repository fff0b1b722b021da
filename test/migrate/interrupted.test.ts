import { expect, test } from 'vitest';
import { migrate, migrateDown } from '../../src/migrate/index.ts';
import { withAdmin } from '../support/admin.ts';
import { dumpCatalog } from '../support/catalog.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';
import { interferedTarget, migrationFolder } from './support.ts';

const schemas = ['holdfast', 'public'];

/** Each schema change on CockroachDB is a job: take some of the statements there, at places that differ by set. */
const stride = testEngine() === 'cockroachdb' ? 7 : 1;

/** What a migration that never was interrupted leaves, and how many statements it takes. */
async function undisturbed(sets: readonly string[]): Promise<{ catalog: string; count: number }> {
  const { url } = await createEmptyTestDatabase();
  const target = interferedTarget(url);
  await migrate(target, { sets });
  return { catalog: await dumpCatalog(url, schemas), count: target.statements.length };
}

async function wipe(url: string): Promise<void> {
  await withAdmin(url, (client) =>
    client.query(
      'DROP SCHEMA IF EXISTS holdfast CASCADE; DROP TABLE IF EXISTS thing; DROP TYPE IF EXISTS colour',
    ),
  );
}

/** The holder of the lock is dead; make its lease run out now. */
async function expireLock(url: string): Promise<void> {
  await withAdmin(url, (client) =>
    client
      .query("UPDATE holdfast.migration_lock SET expires_at = now() - INTERVAL '1 second'")
      .catch((error) => expect(['42P01', '3F000']).toContain(error.code)),
  );
}

test.each([1, 2, 3, 4, 5, 6])(
  'killed after any statement, the next run ends with the same schema: part %i of 6',
  async (part) => {
    const { catalog, count } = await undisturbed(['holdfast']);
    const { url } = await createEmptyTestDatabase();
    for (let at = part; at <= count; at += 6 * stride) {
      await wipe(url);
      const target = interferedTarget(url, { at, when: 'after', act: 'cut' });
      const outcome = await migrate(target).catch((error: Error) => error);
      // The last statement gives the lock back, which may fail: the lease runs out.
      if (at < count) expect(outcome).toMatchObject({ message: 'cut by the test' });
      await expireLock(url);
      await migrate(url);
      expect(await dumpCatalog(url, schemas)).toBe(catalog);
    }
  },
);

const stepwise = {
  '0001_things.up.sql': `-- holdfast: no-transaction
    CREATE TYPE colour AS ENUM ('red', 'green');
    CREATE TABLE IF NOT EXISTS thing (id INT8 PRIMARY KEY, colour colour NOT NULL);
    INSERT INTO thing VALUES (1, 'red') ON CONFLICT (id) DO NOTHING;
    ALTER TABLE thing RENAME COLUMN colour TO shade;
    CREATE INDEX IF NOT EXISTS thing_shade ON thing (shade);`,
  '0001_things.down.sql': 'DROP TABLE IF EXISTS thing;\nDROP TYPE IF EXISTS colour;',
};

test('killed after any statement of a file without a transaction, the next run goes on from there', async () => {
  await using folder = await migrationFolder(stepwise);
  const sets = ['holdfast', folder.path];
  const { catalog, count } = await undisturbed(sets);
  const { url } = await createEmptyTestDatabase();
  const alone = interferedTarget(url);
  await migrate(alone);
  for (let at = 1; at <= count - alone.statements.length; at += 1) {
    await withAdmin(url, async (client) => {
      await client.query("DELETE FROM holdfast.migration WHERE set_name = 'app'");
      await client.query('DROP TABLE IF EXISTS thing');
      await client.query('DROP TYPE IF EXISTS colour');
    });
    await migrate(interferedTarget(url, { at, when: 'after', act: 'cut' }), { sets }).catch(() => {});
    await expireLock(url);
    await migrate(url, { sets });
    expect(await dumpCatalog(url, schemas)).toBe(catalog);
    const { rows } = await withAdmin(url, (client) => client.query('SELECT shade FROM thing'));
    expect(rows).toEqual([{ shade: 'red' }]);
  }
});

test('what was half applied can be taken back, and what was half taken back applied again', async () => {
  await using folder = await migrationFolder(stepwise);
  const sets = [folder.path];
  const down = { set: folder.path, to: 0, allowDestructive: true } as const;
  const { catalog } = await undisturbed(sets);
  const { url } = await createEmptyTestDatabase();

  const upCut = interferedTarget(url, { at: 'ALTER TABLE thing RENAME', when: 'after', act: 'cut' });
  await expect(migrate(upCut, { sets })).rejects.toThrow('cut by the test');
  await expireLock(url);
  await migrateDown(url, down);
  expect(await dumpCatalog(url, ['public'], ['columns', 'enums'])).toBe('-- columns\n\n-- enums\n');

  await migrate(url, { sets });
  const downCut = interferedTarget(url, { at: 'DROP TYPE', when: 'before', act: 'cut' });
  await expect(migrateDown(downCut, down)).rejects.toThrow('cut by the test');
  await expireLock(url);
  await migrate(url, { sets });
  expect(await dumpCatalog(url, schemas)).toBe(catalog);
});
