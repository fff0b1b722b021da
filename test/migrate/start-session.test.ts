import { afterAll, expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { migrate, migrateDown } from '../../src/migrate/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createEmptyTestDatabase, SUITE_DRIVERS } from '../support/database.ts';

const open: { close(): Promise<void> }[] = [];
afterAll(() => Promise.all(open.map((database) => database.close())));

test.each(SUITE_DRIVERS)(
  'a session starts on the schema of this release and on no other: %s',
  async (driver) => {
    const { url } = await createEmptyTestDatabase();
    const db = await connect({ url, driver });
    open.push(db);
    const start = async () => (await db.startSession({ component: 'test' })).close();
    const refused = (reason: string) =>
      expect(start()).rejects.toMatchObject({ reason, code: 'HOLDFAST_SCHEMA_VERSION' });
    await refused('unmigrated');
    await migrate(url, { to: 1 });
    await refused('behind');
    await migrate(url);
    await start();

    const another = await connect({ url, driver });
    open.push(another);
    await withAdmin(url, (client) =>
      client.query(`INSERT INTO holdfast.migration (set_name, number, name, direction, checksum, statements_done, finished_at)
      VALUES ('holdfast', 999, 'later', 'up', '', 0, now())`),
    );
    await expect(another.startSession({ component: 'test' })).rejects.toMatchObject({ reason: 'ahead' });
    await expect(migrateDown(url, { set: 'holdfast', to: 0, allowDestructive: true })).rejects.toMatchObject({
      reason: 'ahead',
    });
    // Who had started before the newer release migrated goes on.
    await start();
  },
);
