import { expect, test } from 'vitest';
import { FLEET_SCHEMA } from '../../examples/fleet/src/schema.ts';
import {
  checkSchema,
  type MigrateOptions,
  migrate,
  migrateDown,
  migrationStatus,
} from '../../src/migrate/index.ts';
import { urlTarget } from '../../src/migrate/url-target.ts';
import { createEmptyTestDatabase } from '../support/database.ts';
import { migrationFolder } from './support.ts';

const first = {
  '0001_thing.up.sql': '-- A table.\nCREATE TABLE IF NOT EXISTS thing (id INT8 PRIMARY KEY);',
  '0001_thing.down.sql': 'DROP TABLE IF EXISTS thing;',
};
const second = {
  '0002_other.up.sql': 'CREATE TABLE IF NOT EXISTS other (id INT8 PRIMARY KEY);',
  '0002_other.down.sql': 'DROP TABLE IF EXISTS other;',
};

async function check(url: string, set: string): Promise<string> {
  const connection = await urlTarget(url).open();
  try {
    await checkSchema(connection, { set });
    return 'fits';
  } catch (error) {
    return (error as { reason: string }).reason;
  } finally {
    await connection.close();
  }
}

test('old and new code side by side: the old one is told that the schema is newer, and changes nothing', async () => {
  const { url } = await createEmptyTestDatabase();
  await using old = await migrationFolder(first);
  await using current = await migrationFolder({ ...first, ...second });
  expect([await check(url, old.path), await check(url, current.path)]).toEqual(['unmigrated', 'unmigrated']);
  await migrate(url, { sets: [old.path] });
  expect([await check(url, old.path), await check(url, current.path)]).toEqual(['fits', 'behind']);
  const outcomes = await Promise.allSettled([
    migrate(url, { sets: [current.path] }),
    migrate(url, { sets: [old.path] }),
    migrate(url, { sets: [current.path] }),
  ]);
  expect(outcomes[0]?.status).toBe('fulfilled');
  expect(outcomes[2]?.status).toBe('fulfilled');
  expect([await check(url, old.path), await check(url, current.path)]).toEqual(['ahead', 'fits']);
  await expect(migrate(url, { sets: [old.path] })).rejects.toMatchObject({
    code: 'HOLDFAST_SCHEMA_VERSION',
    reason: 'ahead',
  });
  await expect(migrateDown(url, { set: old.path, to: 0, allowDestructive: true })).rejects.toMatchObject({
    reason: 'ahead',
  });
  const { migrations, refusal } = await migrationStatus(url, { sets: [old.path] });
  expect(migrations.map(({ state }) => state)).toEqual(['applied', 'unknown']);
  expect(refusal).toMatchObject({ reason: 'ahead' });
});

test('a file that was edited after it was applied is refused; its comments may change', async () => {
  const { url } = await createEmptyTestDatabase();
  await using original = await migrationFolder(first);
  await migrate(url, { sets: [original.path] });
  await using commented = await migrationFolder({
    ...first,
    ...second,
    '0001_thing.up.sql': first['0001_thing.up.sql'].replace('A table', 'Things\r\n-- that we have'),
  });
  await using edited = await migrationFolder({
    ...second,
    '0001_thing.up.sql': first['0001_thing.up.sql'].replace('INT8', 'UUID'),
  });
  await using renamed = await migrationFolder({
    ...second,
    '0001_widget.up.sql': first['0001_thing.up.sql'],
  });
  for (const { path } of [edited, renamed]) {
    await expect(migrate(url, { sets: [path] })).rejects.toMatchObject({ reason: 'edited' });
  }
  expect(await migrate(url, { sets: [commented.path] })).toMatchObject([{ number: 2 }]);
});

test('a file numbered before one that is applied is refused', async () => {
  const { url } = await createEmptyTestDatabase();
  await using later = await migrationFolder(second);
  await using both = await migrationFolder({ ...first, ...second });
  await migrate(url, { sets: [later.path] });
  await expect(migrate(url, { sets: [both.path] })).rejects.toMatchObject({ reason: 'out-of-order' });
});

test.each([
  [{ 'readme.sql': '' }, /readme\.sql: name it NNNN_name/],
  [{ '0000_zero.up.sql': '' }, /counted from 0001/],
  [{ '0001_a.up.sql': '', '0001_b.up.sql': '' }, /0001_b\.up\.sql: 0001_a\.up\.sql has the same number/],
  [{ '0001_a.up.sql': '', '0001_b.down.sql': '' }, /no up file of the same number and name/],
  [{ '0001_a.up.sql': 'SELECT 1;\nCOMMIT;' }, /0001_a\.up\.sql:2: a migration has no transaction statements/],
  [
    { '0001_a.up.sql': '-- holdfast: no-transaction\nCREATE TABLE t (id INT8)' },
    /0001_a\.up\.sql:2: .* write CREATE \.\.\. IF NOT EXISTS/,
  ],
])('a folder that cannot be used is refused: %j', async (files, message) => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder(files as unknown as Record<string, string>);
  const failure = migrate(url, { sets: [folder.path] });
  await expect(failure).rejects.toMatchObject({ reason: 'invalid-file' });
  await expect(failure).rejects.toThrow(message);
});

test.each([
  [{ sets: [] }, 'sets'],
  [{ sets: ['/no/such/folder'] }, 'sets'],
  [{ to: 99 }, 'to'],
  [{ to: 1, sets: ['holdfast', FLEET_SCHEMA] }, 'to'],
  [{ sets: ['holdfast', 'holdfast'] }, 'sets'],
  [{ leaseMs: 1 }, 'leaseMs'],
  [{ leasems: 1 }, 'leasems'],
])('a wrong option is named: %j', async (options, option) => {
  const { url } = await createEmptyTestDatabase();
  await expect(migrate(url, options as MigrateOptions)).rejects.toMatchObject({
    code: 'HOLDFAST_INVALID_OPTION',
    subject: option,
  });
});

test('where to migrate and what to tell the status of are checked as well', async () => {
  await expect(migrate(undefined as never)).rejects.toMatchObject({ subject: 'place' });
  await expect(migrationStatus('postgresql://h/d', { set: 'fleet' } as never)).rejects.toMatchObject({
    subject: 'set',
  });
  const none = { execute: () => Promise.reject(new Error('asked')) };
  await expect(checkSchema(none, { sets: 'fleet' } as never)).rejects.toMatchObject({ subject: 'sets' });
});
