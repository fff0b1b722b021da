import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConnectOptions, connect, type Database, MisuseError, type Watch } from '../../src/index.ts';
import { startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine, waitFor } from '../support/database.ts';
import { findPgbouncers, startPgbouncer } from '../support/pgbouncer.ts';
import { rows } from '../support/sql.ts';

const LONG_MS = 3_600_000;
const listens = testEngine() === 'postgresql';

/** Watches. Where it polls, the first look is behind it, at which a topic may have changed. */
async function watching(db: Database, topic: string): Promise<Watch> {
  const watch = db.watch(topic);
  if (!db.stats.listening) expect(await watch.changed(watch.heard, LONG_MS)).toBe(true);
  return watch;
}

async function listening(db: Database): Promise<void> {
  using _ = db.watch('beginning');
  await waitFor(() => db.stats.listening);
}

describe.each(DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  const opened: Database[] = [];
  const open = async (announcements: ConnectOptions['announcements'], url = database.url) => {
    const db = await connect({ url, driver, announcements, prepare: false });
    opened.push(db);
    return db;
  };
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await open({ pollIntervalMs: 20 });
    if (listens) await listening(db);
  });
  afterAll(() => Promise.all(opened.map((one) => one.close())));

  /** How often a topic was announced, as the database knows it. */
  const announced = async (topic: string) =>
    Number((await rows(db, 'SELECT sum(version) FROM holdfast.topic WHERE topic = $1', topic))[0]![0] ?? 0);

  test('who polls is told what another process announces', async () => {
    const polls = await open({ listen: false, pollIntervalMs: 10 });
    using watch = await watching(polls, 'polled');
    const { heard } = watch;
    await db.announce('polled');
    expect(await watch.changed(heard, LONG_MS)).toBe(true);
    expect(polls.stats.listening).toBe(false);
  });

  test.runIf(listens)('who listens is told by the commit, without a poll', async () => {
    const hears = await open({ pollIntervalMs: LONG_MS });
    await listening(hears);
    using watch = await watching(hears, 'heard');
    const { heard } = watch;
    await db.announce('heard');
    expect(await watch.changed(heard, LONG_MS)).toBe(true);
  });

  test('what a transaction announces is told when it commits, and not when it is rolled back', async () => {
    using watch = await watching(db, 'in transaction');
    const { heard } = watch;
    const failed = db.transact(async (tx) => {
      tx.announce('in transaction');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await announced('in transaction')).toBe(0);
    await db.transact((tx) => {
      tx.announce('in transaction');
      tx.announce('in transaction');
    });
    expect(await watch.changed(heard, LONG_MS)).toBe(true);
    expect(await announced('in transaction')).toBe(1);
  });

  test('an announcement leaves in the message of the commit: no round trip more', async () => {
    await using proxy = await startFaultProxy({ url: database.url });
    const counted = await open({ listen: false }, proxy.url);
    const write = (announces: boolean) => () =>
      counted.transact(async (tx) => {
        await rows(tx, 'SELECT 1');
        if (announces) tx.announce('free');
      });
    const { roundTrips } = await proxy.measure(write(false));
    expect(await proxy.measure(write(true))).toMatchObject({ roundTrips });
  });

  test('a nested transaction that is rolled back alone takes its announcement back', async () => {
    await db.transact(async (tx) => {
      const part = tx.transact((inner) => {
        inner.announce('nested');
        throw new Error('no');
      });
      await part.catch(() => {});
    });
    expect(await announced('nested')).toBe(0);
  });

  test('all who wait in a process share one statement', async () => {
    await using proxy = await startFaultProxy({ url: database.url });
    const shared = await open({ listen: false, pollIntervalMs: LONG_MS }, proxy.url);
    const watches = Array.from({ length: 40 }, (_, n) => shared.watch(`shared ${n % 8}`));
    const { statements, value } = await proxy.measure(() =>
      Promise.all(watches.map((watch) => watch.changed(watch.heard, LONG_MS))),
    );
    expect(value).toEqual(watches.map(() => true));
    expect(statements).toBe(1);
  });

  test('nothing is sent while nobody waits', async () => {
    await using proxy = await startFaultProxy({ url: database.url });
    const idle = await open({ listen: false, pollIntervalMs: 1 }, proxy.url);
    using watch = await watching(idle, 'idle');
    const { statements } = await proxy.measure(async () => {
      for (let i = 0; i < 20; i++) await db.announce('idle');
    });
    expect(statements).toBeLessThanOrEqual(1);
    expect(await watch.changed(watch.heard, LONG_MS)).toBe(true);
  });

  test.runIf(listens)('a listener that is lost costs time and nothing else, and listens again', async () => {
    const hears = await open({ pollIntervalMs: 10 });
    await listening(hears);
    using watch = await watching(hears, 'lost');
    const { heard } = watch;
    await rows(
      db,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE query = 'LISTEN holdfast' AND datname = current_database()`,
    );
    await waitFor(() => !hears.stats.listening);
    await db.announce('lost');
    expect(await watch.changed(heard, LONG_MS)).toBe(true);
    await waitFor(() => hears.stats.listening);
  });

  const [pgbouncer] = findPgbouncers();
  test.runIf(listens && pgbouncer)(
    'through a pooler it polls, and with a URL of its own it listens beside the pooler',
    async () => {
      await using pooler = await startPgbouncer(pgbouncer!, database.url);
      await using polls = await connect({
        url: pooler.url,
        driver,
        announcements: { pollIntervalMs: 10 },
      });
      await using hears = await connect({
        url: pooler.url,
        driver,
        announcements: { listen: database.url, pollIntervalMs: LONG_MS },
      });
      await listening(hears);
      using direct = await watching(hears, 'pooled');
      using pooled = await watching(polls, 'pooled');
      const heard = [direct.heard, pooled.heard] as const;
      await db.announce('pooled');
      expect(await direct.changed(heard[0], LONG_MS)).toBe(true);
      expect(await pooled.changed(heard[1], LONG_MS)).toBe(true);
      expect(polls.stats.listening).toBe(false);
    },
  );

  test('a topic is a name, and a closed handle watches nothing', async () => {
    expect(() => db.watch('')).toThrow(MisuseError);
    await expect(db.announce('x'.repeat(201))).rejects.toThrow(MisuseError);
    await expect(db.transact((tx) => tx.announce('a\0b'))).rejects.toThrow(MisuseError);
    await expect(open({ listen: 'localhost' })).rejects.toMatchObject({ subject: 'announcements.listen' });
    const closed = await connect({ url: database.url, driver });
    await closed.close();
    expect(() => closed.watch('x')).toThrow('closed');
  });
});
