import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../../src/database/embedded/index.ts';
import { connect, type Database, HoldfastError, runControlLoop } from '../../../src/index.ts';
import { migrate } from '../../../src/migrate/index.ts';
import { workHistory } from '../../../src/queries/work.ts';
import { claimOne } from '../../support/claim.ts';
import { SUITE_DRIVERS, waitFor } from '../../support/database.ts';
import { rows } from '../../support/sql.ts';

// A server of its own, because it is crashed: the death of one backend makes PostgreSQL end all others and
// recover from its log, as after a power cut.
describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let dir: string;
  let server: EmbeddedServer;
  let db: Database;
  beforeAll(async () => {
    // In a folder, so that what was committed is on disk.
    dir = await mkdtemp(join(tmpdir(), 'holdfast-restart-'));
    server = await startEmbedded({ dir });
    await migrate(server.url);
    db = await connect({ url: server.url, driver });
    await rows(db, 'CREATE TABLE job (job_id TEXT PRIMARY KEY, done BOOL NOT NULL)');
  });
  afterAll(async () => {
    await db?.close();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const crash = async () => {
    const victim = await connect({ url: server.url, driver });
    const [row] = await rows(victim, 'SELECT pg_backend_pid()');
    process.kill(Number(row![0]), 'SIGKILL');
    await waitFor(async () => {
      try {
        await rows(db, 'SELECT 1');
        return false;
      } catch {
        return true;
      }
    });
    await victim.close();
  };
  const recovered = () =>
    waitFor(async () => {
      try {
        return (await rows(db, 'SELECT 1')).length === 1;
      } catch {
        return false;
      }
    });

  test('a session outlives a database that is back before its interval is over, and its work can be finished', async () => {
    await using session = await db.startSession({ component: 'test', intervalMs: 15_000 });
    const work = (await claimOne(session, 'install', () => ['survivor']))!;
    await crash();
    await recovered();
    await work.finish();
    expect(session.expired).toBe(false);
    expect((await workHistory(db, { target: 'survivor' })).map(({ event }) => event)).toEqual([
      'started',
      'finished',
    ]);
  });

  test('a transaction that the crash interrupts is run again, or says that it never committed', async () => {
    await rows(db, "INSERT INTO job VALUES ('interrupted', false)");
    const inside = Promise.withResolvers<void>();
    const crashed = Promise.withResolvers<void>();
    let runs = 0;
    const running = db.transact(
      async (tx) => {
        await rows(tx, "UPDATE job SET done = true WHERE job_id = 'interrupted'");
        if (++runs === 1) {
          inside.resolve();
          await crashed.promise;
        }
      },
      { maxRetries: 100, deadlineMs: 20_000 },
    );
    running.catch(() => {});
    await inside.promise;
    await crash();
    crashed.resolve();
    const outcome = await running.then(
      () => 'committed',
      (error: unknown) => error,
    );
    await recovered();
    const [row] = await rows(db, "SELECT done FROM job WHERE job_id = 'interrupted'");
    if (outcome === 'committed') expect(row).toEqual(['t']);
    else {
      expect(outcome).toBeInstanceOf(HoldfastError);
      expect(row).toEqual(['f']);
    }
  });

  test('a control loop goes on by itself after the database has come back', async () => {
    await rows(db, "INSERT INTO job SELECT 'loop-' || n, false FROM generate_series(1, 20) AS n");
    const loop = runControlLoop(db, {
      parallelism: 2,
      intervalMs: 2_000,
      pollIntervalMs: 100,
      source: {
        kind: 'loop',
        candidates: async (tx, wanted) =>
          (
            await rows(
              tx,
              `SELECT job_id FROM job WHERE NOT done AND job_id LIKE 'loop-%' AND NOT EXISTS (
            SELECT 1 FROM holdfast.unavailable_work u WHERE u.kind = 'loop' AND u.target = job_id)
          ORDER BY job_id LIMIT $1::INT8`,
              String(wanted + 2),
            )
          ).map(([id]) => id!),
      },
      handle: async (work) => {
        await work.finish((tx) => rows(tx, 'UPDATE job SET done = true WHERE job_id = $1', work.target));
      },
    });
    await waitFor(
      async () =>
        Number((await rows(db, "SELECT count(*) FROM job WHERE done AND job_id LIKE 'loop-%'"))[0]![0]) > 0,
    );
    await crash();
    await waitFor(async () => {
      try {
        return (await rows(db, "SELECT 1 FROM job WHERE NOT done AND job_id LIKE 'loop-%'")).length === 0;
      } catch {
        return false;
      }
    });
    await loop.stop();
    const finished = await rows(
      db,
      "SELECT target, count(*) FROM holdfast.work_history WHERE kind = 'loop' AND event = 'finished' GROUP BY target HAVING count(*) <> 1",
    );
    expect(finished).toEqual([]);
  });
});
