import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, runControlLoop } from '../../src/index.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, waitFor } from '../support/database.ts';

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
  });
  afterAll(() => db?.close());

  /** A loop that looks again for no other reason than that it is told. */
  const restingLoop = (kind: string, candidates: () => string[]) => {
    let looks = 0;
    const host = {
      startSession: db.startSession.bind(db),
      watch: (topic: string) => {
        const watch = db.watch(topic);
        const changed: typeof watch.changed = (heard, _ms, signal) => watch.changed(heard, 3_600_000, signal);
        return {
          get heard() {
            return watch.heard;
          },
          changed,
          [Symbol.dispose]: () => watch[Symbol.dispose](),
        };
      },
    };
    const seen: string[] = [];
    const loop = runControlLoop(host, {
      source: {
        kind,
        candidates: () => {
          looks++;
          return candidates();
        },
      },
      handle: async (work) => {
        seen.push(work.target);
        await work.finish();
      },
    });
    return { loop, seen, rests: () => waitFor(() => looks > 0) };
  };

  test('announced, a loop that rests looks again at once', async () => {
    let queue: string[] = [];
    const { loop, seen, rests } = restingLoop('announced', () => queue);
    await rests();
    queue = ['job'];
    await db.announce('announced');
    await waitFor(() => seen.length > 0);
    await loop.stop();
  });

  test('so it does when a target is woken', async () => {
    await using session = await db.startSession({ component: 'parks' });
    await (await claimOne(session, 'woken', () => ['job']))!.park();
    const { loop, seen, rests } = restingLoop('woken', () => ['job']);
    await rests();
    expect(await db.kinds.wake('woken', ['job'])).toBe(1);
    await waitFor(() => seen.length > 0);
    await loop.stop();
  });

  test('so it does when its kind is resumed', async () => {
    await db.kinds.pause('resumed', 'test');
    const { loop, seen, rests } = restingLoop('resumed', () => ['job']);
    await rests();
    await db.kinds.resume('resumed', 'test');
    await waitFor(() => seen.length > 0);
    await loop.stop();
  });

  test('so it does when a target is released', async () => {
    await using session = await db.startSession({ component: 'fails' });
    await (await claimOne(session, 'released', () => ['job']))!.fail('no', {
      backoff: { initialMs: 3_600_000 },
    });
    const { loop, seen, rests } = restingLoop('released', () => ['job']);
    await rests();
    await db.kinds.release('released', 'job', 'test');
    await waitFor(() => seen.length > 0);
    await loop.stop();
  });

  test('a loop that is stopped while it rests stops at once', async () => {
    const { loop, rests } = restingLoop('stopped', () => []);
    await rests();
    await loop.stop();
  });
});
