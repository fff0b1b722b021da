import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, type Face, runJanitor } from '../../src/index.ts';
import { insertMarker } from '../../src/queries/markers.ts';
import { workHistory } from '../../src/queries/work.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase } from '../support/database.ts';
import { rows } from '../support/sql.ts';

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
  });
  afterAll(() => db?.close());

  test('sweeps expired sessions, closes their work as abandoned once, and leaves the living alone', async () => {
    const dead = await db.startSession({ component: 'dead', intervalMs: 60_000 });
    await using alive = await db.startSession({ component: 'alive', intervalMs: 60_000 });
    const lost = (await claimOne(dead, 'sweep', () => ['lost']))!;
    const kept = (await claimOne(alive, 'sweep', () => ['kept']))!;
    await rows(
      db,
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
      dead.id,
    );
    const janitors = [1, 2, 3].map(() => runJanitor(db, { intervalMs: 3_600_000, page: 1 }));
    const sweeps = await Promise.all(janitors.map((janitor) => janitor.sweep()));
    await Promise.all(janitors.map((janitor) => janitor.stop()));
    expect(sweeps.every(({ sessions }) => sessions <= 1)).toBe(true);
    expect((await workHistory(db, { target: 'lost' })).map(({ event, token }) => [event, token])).toEqual([
      ['started', lost.token],
      ['abandoned', lost.token],
    ]);
    expect(
      await rows(db, "SELECT component FROM holdfast.session WHERE component IN ('dead', 'alive')"),
    ).toEqual([['alive']]);
    const again = (await claimOne(alive, 'sweep', () => ['lost']))!;
    expect(again.token).toBe(lost.token + 1n);
    expect((await workHistory(db, { target: 'lost' })).map(({ event }) => event)).toEqual([
      'started',
      'abandoned',
      'started',
    ]);
    await kept.finish();
    await dead.close();
  });

  test('a janitor and a take-over that race for a dead holder write "abandoned" once between them', async () => {
    for (let round = 0; round < 8; round++) {
      const target = `race-${round}`;
      const dead = await db.startSession({ component: 'dead', intervalMs: 60_000 });
      const lost = (await claimOne(dead, 'race', () => [target]))!;
      await rows(
        db,
        "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
        dead.id,
      );
      await using heir = await db.startSession({ component: 'heir' });
      const janitor = runJanitor(db, { intervalMs: 3_600_000 });
      const [work] = await Promise.all([claimOne(heir, 'race', () => [target]), janitor.sweep()]);
      await janitor.stop();
      expect(work?.token).toBe(lost.token + 1n);
      const events = (await workHistory(db, { target })).map(({ event, token }) => `${event} ${token}`);
      const next = lost.token + 1n;
      expect(events.sort()).toEqual([`abandoned ${lost.token}`, `started ${lost.token}`, `started ${next}`]);
      await dead.close();
    }
  });

  test('old history and old commit markers go, in pages; new ones stay', async () => {
    for (let i = 0; i < 25; i++) {
      await rows(
        db,
        "INSERT INTO holdfast.ended_work (target, kind, token, event, session_id, started_at, ended_at) VALUES ($1, 'old', 1, 'failed', gen_random_uuid(), now() - INTERVAL '101 days', now() - INTERVAL '100 days')",
        `old-${i}`,
      );
    }
    const markerId = '11111111-1111-4111-8111-111111111111';
    await insertMarker(db, { markerId });
    await rows(
      db,
      "INSERT INTO holdfast.commit_marker (marker_id, committed, created_at) VALUES (gen_random_uuid(), true, now() - INTERVAL '3 days')",
    );
    const janitor = runJanitor(db, { intervalMs: 3_600_000, page: 10 });
    const first = await janitor.sweep();
    await janitor.stop();
    const left = await rows(db, "SELECT count(*) FROM holdfast.work_history WHERE kind = 'old'");
    expect(left).toEqual([['0']]);
    expect(first.history + first.markers).toBeLessThanOrEqual(26);
    // Claims leave markers of their own, which are new.
    const old = "SELECT marker_id FROM holdfast.commit_marker WHERE created_at < now() - INTERVAL '1 day'";
    expect(await rows(db, old)).toEqual([]);
    expect(
      await rows(db, 'SELECT marker_id FROM holdfast.commit_marker WHERE marker_id = $1', markerId),
    ).toHaveLength(1);
    const recent = await rows(db, "SELECT count(*) > 0 FROM holdfast.work_history WHERE kind = 'sweep'");
    expect(recent).toEqual([['t']]);
  });

  test('take-over needs no janitor: nothing of it runs here', async () => {
    const dead = await db.startSession({ component: 'dead', intervalMs: 60_000 });
    await claimOne(dead, 'alone', () => ['x']);
    await rows(
      db,
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
      dead.id,
    );
    await using heir = await db.startSession({ component: 'heir' });
    expect((await claimOne(heir, 'alone', () => ['x']))?.takenFrom).toBe(dead.id);
    await dead.close();
  });

  test('history is kept for good where its retention is Infinity', async () => {
    await rows(
      db,
      `INSERT INTO holdfast.ended_work (target, kind, token, event, session_id, started_at, ended_at)
       VALUES ('antique', 'keep', 1, 'finished', '00000000-0000-4000-8000-000000000000', '1999-01-01', '1999-01-02')`,
    );
    await using janitor = runJanitor(db, { intervalMs: 3_600_000, historyRetentionMs: Infinity });
    expect((await janitor.sweep()).history).toBe(0);
    expect(await workHistory(db, { target: 'antique' })).toHaveLength(2);
  });

  test('retentions need not be whole milliseconds', async () => {
    await using janitor = runJanitor(db, { intervalMs: 3_600_000, markerRetentionMs: 60_000.5 });
    expect((await janitor.sweep()).markers).toBe(0);
  });

  test('a janitor outlives an onError that throws', async () => {
    const closed = await connect({ url: database.url, driver });
    await closed.close();
    const told = Promise.withResolvers<void>();
    let times = 0;
    const janitor = runJanitor(closed, {
      intervalMs: 1,
      onError: () => {
        if (++times === 2) told.resolve();
        throw new Error('the log is full');
      },
    });
    await told.promise;
    await janitor.stop();
    await expect(janitor.done).resolves.toBeUndefined();
  });
});

test('a face brings sweeps, in pages, and gauges, and needs no other room', async () => {
  const database = await createTestDatabase();
  await using db = await connect({ url: database.url });
  await rows(db, 'CREATE TABLE lamp (lamp_id INT8 PRIMARY KEY, broken BOOL NOT NULL)');
  await rows(db, 'INSERT INTO lamp SELECT n, n <= 5 FROM generate_series(1, 7) AS n');
  const calls: string[] = [];
  const lamps: Face = {
    name: 'lamps',
    sweeps: [
      {
        name: 'lamps',
        page: async ({ guarded }, size) => {
          calls.push('lamps');
          const text = `DELETE FROM lamp WHERE lamp_id IN (SELECT lamp_id FROM lamp WHERE broken LIMIT $1::INT8)`;
          return (await guarded.execute({ text, values: [String(size)] })).rowCount;
        },
      },
      {
        name: 'sockets',
        when: 'seldom',
        after: 'lamps',
        page: async () => {
          calls.push('sockets');
          return 0;
        },
      },
    ],
  };
  await using janitor = runJanitor(db, { intervalMs: 3_600_000, page: 2, faces: [lamps] });
  expect(await janitor.sweep()).toMatchObject({ sessions: 0, sockets: 0 });
  expect(calls.slice(0, 4)).toEqual(['lamps', 'lamps', 'lamps', 'sockets']);
  expect(await rows(db, 'SELECT count(*) FROM lamp')).toEqual([['2']]);
});
