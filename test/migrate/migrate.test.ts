import { describe, expect, test } from 'vitest';
import { FLEET_SCHEMA } from '../../examples/fleet/src/schema.ts';
import { MigrationError } from '../../src/base/index.ts';
import { migrate, migrateDown, migrationStatus } from '../../src/migrate/index.ts';
import { withAdmin } from '../support/admin.ts';
import { dumpCatalog } from '../support/catalog.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';
import { interferedTarget, migrationFolder } from './support.ts';

const sets = ['holdfast', FLEET_SCHEMA];

async function downToNothing(url: string): Promise<void> {
  for (const set of sets.toReversed()) await migrateDown(url, { set, to: 0, allowDestructive: true });
}

test('up, down, up, down: the same schema each time, and nothing left but the bookkeeping', async () => {
  const { url } = await createEmptyTestDatabase();
  await migrate(url, { sets });
  const full = await dumpCatalog(url, sets);
  await downToNothing(url);
  const empty = await dumpCatalog(url, sets);
  expect([...new Set(empty.match(/\b(holdfast|fleet)\.\w+/g))].sort()).toEqual([
    'holdfast.migration',
    'holdfast.migration_lock',
  ]);
  await migrate(url, { sets });
  expect(await dumpCatalog(url, sets)).toBe(full);
  await downToNothing(url);
  expect(await dumpCatalog(url, sets)).toBe(empty);
});

test('up a second time does nothing, at the cost of one read', async () => {
  const { url } = await createEmptyTestDatabase();
  const first = await migrate(url, { sets });
  expect(first.map(({ set, number }) => `${set} ${number}`)).toContain('holdfast 1');
  const target = interferedTarget(url);
  expect(await migrate(target, { sets })).toEqual([]);
  expect(target.statements).toHaveLength(1);
});

test('ten at once: each migration is applied by exactly one of them', async () => {
  const { url } = await createEmptyTestDatabase();
  const all = await Promise.all(Array.from({ length: 10 }, () => migrate(url, { sets })));
  const applied = all.flat().map(({ set, number }) => `${set} ${number}`);
  expect(new Set(applied).size).toBe(applied.length);
  const { migrations, refusal } = await migrationStatus(url, { sets });
  expect(migrations).toHaveLength(applied.length);
  expect(migrations.every(({ state }) => state === 'applied')).toBe(true);
  expect(refusal).toBeUndefined();
});

test('up stops after the number asked for, and down keeps it', async () => {
  const { url } = await createEmptyTestDatabase();
  await migrate(url, { to: 2 });
  const states = async () => (await migrationStatus(url)).migrations.slice(0, 3).map(({ state }) => state);
  expect(await states()).toEqual(['applied', 'applied', 'pending']);
  await migrateDown(url, { set: 'holdfast', to: 1, allowDestructive: true });
  expect(await states()).toEqual(['applied', 'pending', 'pending']);
});

describe('a statement that the server refuses', () => {
  const files = {
    '0001_things.up.sql': 'CREATE TABLE IF NOT EXISTS thing (id INT8 PRIMARY KEY);\n\nSELECT nonsense;\n',
    '0001_things.down.sql': 'DROP TABLE IF EXISTS thing;',
  };

  test('is named by file and line, and on PostgreSQL nothing of its file stays', async () => {
    const { url } = await createEmptyTestDatabase();
    await using folder = await migrationFolder(files);
    const failure = migrate(url, { sets: [folder.path] });
    await expect(failure).rejects.toThrow(MigrationError);
    await expect(failure).rejects.toThrow(/0001_things\.up\.sql:3: .*\(SQLSTATE 42703\)/);
    const { migrations } = await migrationStatus(url, { sets: [folder.path] });
    expect(migrations).toMatchObject([
      testEngine() === 'postgresql'
        ? { state: 'pending' }
        : { state: 'interrupted', note: expect.stringMatching(/^up, 1 statements done: .*:3: /) },
    ]);
  });

  test('is told by status where the file runs statement by statement, and it can be mended or taken back', async () => {
    const { url } = await createEmptyTestDatabase();
    const marked = {
      ...files,
      '0001_things.up.sql': `-- holdfast: no-transaction\n${files['0001_things.up.sql']}`,
    };
    await using folder = await migrationFolder(marked);
    await expect(migrate(url, { sets: [folder.path] })).rejects.toThrow(/:4: /);
    const { migrations } = await migrationStatus(url, { sets: [folder.path] });
    expect(migrations).toMatchObject([
      { state: 'interrupted', note: expect.stringMatching(/^up, 1 statements done: .*:4: /) },
    ]);
    // What is done may not be edited, what is not may.
    await using mended = await migrationFolder({
      ...marked,
      '0001_things.up.sql': marked['0001_things.up.sql'].replace('nonsense', '1'),
    });
    await migrate(url, { sets: [mended.path] });
    expect((await migrationStatus(url, { sets: [mended.path] })).migrations).toMatchObject([
      { state: 'applied' },
    ]);
    await migrateDown(url, { set: mended.path, to: 0, allowDestructive: true });
    const { rows } = await withAdmin(url, (client) =>
      client.query("SELECT 1 FROM information_schema.tables WHERE table_name = 'thing'"),
    );
    expect(rows).toEqual([]);
  });
});
