import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { createTestDatabase, DRIVERS, testEngine } from '../support/database.ts';
import { rows } from '../support/sql.ts';

// At SERIALIZABLE a lock of a whole table conflicts with every other end.
test.runIf(testEngine() === 'postgresql').each(DRIVERS)(
  'an end in a transaction locks no whole table of work, however often it has run (%s)',
  async (driver) => {
    const { url } = await createTestDatabase();
    await using db = await connect({ url, driver, pool: { max: 1 } });
    await rows(
      db,
      "INSERT INTO holdfast.work (kind, target, token) SELECT 'k', 't' || n::TEXT, 1 FROM generate_series(1, 1000) AS n",
    );
    await using session = await db.startSession({ component: 'locks', intervalMs: 600_000 });
    for (let n = 1; n <= 15; n++) {
      const [work] = await session.claim({ kind: 'k', candidates: () => [`t${n}`] });
      const locked = await work!.finish((tx) =>
        rows(
          tx,
          `SELECT relation::regclass::TEXT FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'SIReadLock'
           AND locktype = 'relation' AND relation = 'holdfast.work'::regclass`,
        ),
      );
      expect(locked, `end ${n}`).toEqual([]);
    }
  },
);
