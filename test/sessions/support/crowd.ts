import { expect } from 'vitest';
import { connect, type Session } from '../../../src/index.ts';
import { createTestDatabase, waitFor } from '../../support/database.ts';
import { rows } from '../../support/sql.ts';

/** Starts that many sessions in one process and counts the statements that keep them alive. */
export async function keepCrowdAlive(count: number): Promise<void> {
  const database = await createTestDatabase();
  const db = await connect({ url: database.url, pool: { max: 8 } });
  const intervalMs = 10_000;
  const sessions: Session[] = [];
  const starter = async () => {
    while (sessions.length < count) {
      const batch = Array.from({ length: 25 }, () => db.startSession({ component: 'crowd', intervalMs }));
      sessions.push(...(await Promise.all(batch)));
    }
  };
  await Promise.all(Array.from({ length: 4 }, starter));
  const started = performance.now();
  const before = db.stats.heartbeats;
  await waitFor(() => db.stats.heartbeats >= before + 2);
  await waitFor(async () => {
    const [row] = await rows(
      db,
      `SELECT count(*) FROM holdfast.session_deadline WHERE deadline > now() + INTERVAL '6 seconds'`,
    );
    return Number(row![0]) === sessions.length;
  });
  const intervals = (performance.now() - started) / intervalMs;
  expect(sessions.filter((session) => session.expired)).toEqual([]);
  // Two beats an interval for all of them together.
  expect(db.stats.heartbeats - before).toBeLessThanOrEqual(Math.ceil(2 * intervals) + 1);
  const [live] = await rows(db, 'SELECT count(*) FROM holdfast.live_session');
  expect(Number(live![0])).toBe(sessions.length);
  await rows(db, 'DELETE FROM holdfast.session');
  await rows(db, 'DELETE FROM holdfast.session_deadline');
  await db.close();
}
