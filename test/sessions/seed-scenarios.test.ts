import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, SessionExpiredError } from '../../src/index.ts';
import { workHistory } from '../../src/queries/work.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';

// The scenarios of the system that sessions and work come from, by its names.
describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    await rows(
      db,
      'CREATE TABLE machine (machine_id TEXT PRIMARY KEY, provided BOOL NOT NULL, installed BOOL NOT NULL)',
    );
  });
  afterAll(async () => {
    await db?.close();
  });

  const machine = async (id: string) => {
    await rows(db, 'INSERT INTO machine VALUES ($1, true, false)', id);
    return id;
  };

  test('session expiry: alive past its interval while its heartbeat beats, dead for good after it stops', async () => {
    const session = await db.startSession({ component: 'test', intervalMs: 2_000 });
    const started = performance.now();
    await waitFor(() => performance.now() - started > 3_000, { what: 'one and a half intervals' });
    expect(await session.transact(async (tx) => (await rows(tx, 'SELECT 1'))[0])).toEqual(['1']);
    // A take-over deletes the row; the next heartbeat and the next transaction both find out.
    await rows(db, 'DELETE FROM holdfast.session WHERE session_id = $1', session.id);
    await expect(session.transact(async (tx) => rows(tx, 'SELECT 1'))).rejects.toThrow(SessionExpiredError);
    expect(session.expired).toBe(true);
    await expect(claimOne(session, 'any', () => ['x'])).rejects.toThrow(SessionExpiredError);
    await session.close();
  });

  test('work conflict: one holder per target and process, whatever the session; other processes are free', async () => {
    const target = await machine('conflict');
    await using one = await db.startSession({ component: 'one' });
    await using two = await db.startSession({ component: 'two' });
    const held = await claimOne(one, 'provision', () => [target]);
    expect(held?.target).toBe(target);
    expect(await claimOne(one, 'provision', () => [target])).toBeUndefined();
    expect(await claimOne(two, 'provision', () => [target])).toBeUndefined();
    const other = await claimOne(two, 'recover', () => [target]);
    expect(other?.target).toBe(target);
    await held!.finish();
    const next = await claimOne(two, 'provision', () => [target]);
    expect(next?.token).toBe(held!.token + 1n);
  });

  test('work backoff: 1, 2, 4, 5, 5 seconds, and from the start again after a finish', async () => {
    const target = await machine('backoff');
    await using session = await db.startSession({ component: 'test' });
    const backoff = { initialMs: 1_000, maximumMs: 5_000, exponent: 2 };
    const take = async () => (await claimOne(session, 'install', () => [target]))!;
    const periods: number[] = [];
    const skipBackoff = () =>
      rows(db, "UPDATE holdfast.work SET not_before = now() - INTERVAL '1 second' WHERE target = $1", target);
    const failOnce = async () => {
      const work = await take();
      await work.fail('no boot device', { backoff: backoff });
      expect(await claimOne(session, 'install', () => [target])).toBeUndefined();
      const [row] = await rows(
        db,
        'SELECT backoff_seconds, backoff_cause FROM holdfast.work WHERE target = $1',
        target,
      );
      expect(row![1]).toBe('no boot device');
      periods.push(Number(row![0]));
      await skipBackoff();
    };
    for (let i = 0; i < 5; i++) await failOnce();
    expect(periods).toEqual([1, 2, 4, 5, 5]);
    await (await take()).finish();
    await failOnce();
    expect(periods.at(-1)).toBe(1);
  });

  test('work history: a start and a finish, with session and time, outliving the target', async () => {
    const target = await machine('history');
    await using session = await db.startSession({ component: 'test' });
    const work = (await claimOne(session, 'install', () => [target]))!;
    await work.finish(async (tx) => {
      await rows(tx, 'DELETE FROM machine WHERE machine_id = $1', target);
    });
    const history = await workHistory(db, { target });
    expect(history.map(({ event, token, sessionId }) => ({ event, token, sessionId }))).toEqual([
      { event: 'started', token: work.token, sessionId: session.id },
      { event: 'finished', token: work.token, sessionId: session.id },
    ]);
  });

  test('six machines by three parallel workers, each exactly once', async () => {
    const targets = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => machine(`fleet-${n}`)));
    const done: string[] = [];
    const retrieve = async (tx: Parameters<Parameters<typeof db.transact>[0]>[0]) =>
      (
        await rows(
          tx,
          `SELECT m.machine_id FROM machine m WHERE NOT m.installed AND m.machine_id LIKE 'fleet-%'
        AND NOT EXISTS (SELECT 1 FROM holdfast.unavailable_work u WHERE u.kind = 'install' AND u.target = m.machine_id)
        ORDER BY m.machine_id LIMIT 6`,
        )
      ).map(([id]) => id!);
    const worker = async () => {
      await using session = await db.startSession({ component: 'installer' });
      for (;;) {
        const work = await claimOne(session, 'install', retrieve);
        if (!work && done.length < targets.length) continue;
        if (!work) return;
        const { target } = work;
        await work.finish(async (tx) => {
          await rows(tx, 'UPDATE machine SET installed = true WHERE machine_id = $1', target);
        });
        done.push(target);
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    expect(done.sort()).toEqual(targets.sort());
    const starts = await rows(
      db,
      "SELECT target, count(*) FROM holdfast.work_history WHERE event = 'started' AND target LIKE 'fleet-%' GROUP BY target",
    );
    expect(starts.map(([, count]) => count)).toEqual(Array(6).fill('1'));
  });
});
