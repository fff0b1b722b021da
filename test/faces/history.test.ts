import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  connect,
  type Database,
  type Face,
  type HistoryEvent,
  history,
  type Session,
} from '../../src/index.ts';
import { definePipeline, operationsFace } from '../../src/operations/index.ts';
import { createTestDatabase, DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';

describe.each(DRIVERS)('history on %s', (driver) => {
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
  });
  afterAll(() => db?.close());

  const claim = async (kind: string, target: string) =>
    (await session.claim({ kind, candidates: () => [target] }))[0]!;
  async function all(target: string, faces: readonly Face[] = []): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    for await (const event of history(db, target, { faces: [...faces] })) events.push(event);
    return events;
  }
  const said = (events: readonly HistoryEvent[]) =>
    events.map(
      ({ subject, event, cause }) => `${subject} ${event}${cause === undefined ? '' : `: ${cause}`}`,
    );

  test('claims, ends and what operators did are one time line, the oldest first', async () => {
    await (await claim('A', 't')).fail('no answer', { backoff: { initialMs: 60_000 } });
    await db.kinds.release('A', 't', 'cable replaced');
    await (await claim('B', 't')).finish();
    await db.kinds.pause('A', 'night');
    await db.kinds.resume('A', 'day');
    await db.kinds.pause('C', 'another kind');
    const held = await claim('A', 't');
    const events = await all('t');
    expect(said(events)).toEqual([
      'A started',
      'A failed: no answer',
      'A released: cable replaced',
      'B started',
      'B finished',
      'A paused: night',
      'A resumed: day',
      'A started',
    ]);
    expect(events.at(-1)).toMatchObject({ token: held.token, sessionId: session.id });
  });

  test('an exclusion key has no history of claims, and a target that nothing knows has none at all', async () => {
    await session.claim({
      kind: 'A',
      candidates: () => [{ target: 'x', exclude: [{ group: 'g', key: 'k' }] }],
    });
    expect(await all('k')).toEqual([]);
    expect(await all('nobody', [operationsFace])).toEqual([]);
  });

  test('it goes on from page to page, also where many things have the same time', async () => {
    await rows(
      db,
      `INSERT INTO holdfast.ended_work (target, kind, token, session_id, started_at, ended_at, event)
       SELECT 'many', kind, n, gen_random_uuid(), TIMESTAMPTZ '2026-01-01 00:00:00+00' + n / 2 * INTERVAL '1 s',
         TIMESTAMPTZ '2026-01-01 00:00:00+00' + n / 2 * INTERVAL '1 s', 'finished'
       FROM generate_series(1, 1201) AS n CROSS JOIN (VALUES ('D'), ('E')) AS k (kind)`,
    );
    await rows(
      db,
      `INSERT INTO holdfast.intervention (kind, target, event, at)
       SELECT 'D', 'many', 'released', TIMESTAMPTZ '2026-01-01 00:00:00.000001+00' + n / 600 * INTERVAL '1 us'
       FROM generate_series(1, 1201) AS n`,
    );
    const events = await all('many');
    expect(events).toHaveLength(2 * 2 * 1201 + 1201);
    expect(
      new Set(
        events
          .filter(({ subject, event }) => subject === 'E' && event === 'finished')
          .map(({ token }) => token),
      ).size,
    ).toBe(1201);
    const times = events.map(({ at }) => at.getTime());
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('who stops listening reads no further, and may break off', async () => {
    for await (const event of history(db, 'many')) {
      expect(event.subject).toBe('D');
      break;
    }
  });

  test('what a face knows is in its place', async () => {
    const set = definePipeline({ name: 'sets', operations: ['index', 'backup'] });
    await set.enable(db, 'o', ['index']);
    const taken = await set.takeTarget(session, 'index', 'o');
    await taken.finish({ state: 'WARNING', message: 'slow', enable: ['backup'] });
    await set.error(db, 'o', 'backup', 'no disk');
    const events = said(await all('o', [operationsFace]));
    expect(events).toHaveLength(6);
    expect(events[0]).toBe('sets:index created');
    expect(events).toContain('sets:index finished');
    expect(events).toContain('sets:index WARNING: slow');
    expect(events.at(-1)).toBe('sets:backup FAILED: no disk');
  });
});
