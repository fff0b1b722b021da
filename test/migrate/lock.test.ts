import { expect, test } from 'vitest';
import { migrate, migrationStatus } from '../../src/migrate/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';
import { interferedTarget, migrationFolder } from './support.ts';

/** Another process has the lock for so long. */
async function holdLock(url: string, forMs: number): Promise<void> {
  await withAdmin(url, (client) =>
    client.query(
      `INSERT INTO holdfast.migration_lock (lock_name, holder, expires_at)
        VALUES ('migrate', gen_random_uuid(), clock_timestamp() + $1::INT8 * INTERVAL '1 millisecond')
        ON CONFLICT (lock_name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at`,
      [forMs],
    ),
  );
}

test('the lock of a dead holder is taken over when its lease has run out', async () => {
  const { url } = await createEmptyTestDatabase();
  await migrate(url, { to: 1 });
  await holdLock(url, 300);
  expect((await migrate(url)).length).toBeGreaterThan(0);
});

test('a lock that is held all the time is an error that says so, and nothing is changed', async () => {
  const { url } = await createEmptyTestDatabase();
  await migrate(url, { to: 1 });
  await holdLock(url, 3_600_000);
  await expect(migrate(url, { lockWaitMs: 300 })).rejects.toMatchObject({
    code: 'HOLDFAST_MIGRATION',
    reason: 'lock-timeout',
  });
  expect((await migrationStatus(url)).migrations[1]).toMatchObject({ state: 'pending' });
});

test('the lock is given back', async () => {
  const { url } = await createEmptyTestDatabase();
  await migrate(url);
  const { rows } = await withAdmin(url, (client) => client.query('SELECT * FROM holdfast.migration_lock'));
  expect(rows).toEqual([]);
});

test('a holder whose lock was taken over meanwhile does not commit', async () => {
  const { url } = await createEmptyTestDatabase();
  await using folder = await migrationFolder({
    '0001_thing.up.sql': 'CREATE TABLE IF NOT EXISTS thing (id INT8)',
  });
  const sets = [folder.path];
  await migrate(url);
  const target = interferedTarget(url, {
    at: 'CREATE TABLE IF NOT EXISTS thing',
    when: 'before',
    act: () => holdLock(url, 3_600_000),
  });
  await expect(migrate(target, { sets })).rejects.toMatchObject({ reason: 'lock-lost' });
  const { migrations } = await migrationStatus(url, { sets });
  expect(migrations).toMatchObject([{ state: testEngine() === 'postgresql' ? 'pending' : 'interrupted' }]);
});
