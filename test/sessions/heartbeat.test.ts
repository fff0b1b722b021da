import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { connect, type Database, type Session, SessionExpiredError } from '../../src/index.ts';
import { delay, stall, startFaultProxy } from '../../src/testing/index.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';
import { killConnections } from '../support/kill-connections.ts';
import { rows } from '../support/sql.ts';

const expired = (session: Session) =>
  new Promise<unknown>((resolve) => {
    const done = () => resolve(session.signal.reason);
    if (session.signal.aborted) done();
    else session.signal.addEventListener('abort', done, { once: true });
  });

describe.each(DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver, applicationName: `beaten-${driver}` });
  });
  afterAll(() => db?.close());
  afterEach(() => {
    vi.useRealTimers();
  });

  const deadlineOf = async (session: Session) =>
    (
      await rows(db, 'SELECT deadline FROM holdfast.session_deadline WHERE session_id = $1', session.id)
    )[0]?.[0];

  // How many heartbeats an interval needs is counted by crowd.test.ts.
  test('the deadline in the database moves again and again, and the session outlives the first', async () => {
    await using session = await db.startSession({ component: 'test', intervalMs: 1_500 });
    const first = await deadlineOf(session);
    const passed = async () =>
      (await rows(db, 'SELECT now() > CAST($1 AS TIMESTAMPTZ)', String(first)))[0]?.[0] === 't';
    await waitFor(passed, { what: 'the deadline that the session began with' });
    expect(await deadlineOf(session)).not.toBe(first);
    expect(session.expired).toBe(false);
  });

  test('connections killed again and again do not end a session that can still be reached', async () => {
    await using session = await db.startSession({ component: 'test', intervalMs: 3_000 });
    const before = await deadlineOf(session);
    const until = performance.now() + 4_000;
    await waitFor(
      async () => {
        await killConnections(database.url, `beaten-${driver}`);
        return performance.now() > until;
      },
      { intervalMs: 100 },
    );
    await waitFor(async () => (await deadlineOf(session)) !== before);
    expect(session.expired).toBe(false);
    expect(await session.transact((tx) => rows(tx, 'SELECT 1'))).toEqual([['1']]);
  });

  test('heartbeats that are not answered let the session expire on the local clock, before the database does', async () => {
    await using proxy = await startFaultProxy({ url: database.url });
    await using cut = await connect({ url: proxy.url, driver });
    const session = await cut.startSession({ component: 'test', intervalMs: 800 });
    proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => /UPDATE holdfast.session_deadline/.test(text ?? ''),
      action: stall(),
      times: Infinity,
    });
    expect(await expired(session)).toBeInstanceOf(SessionExpiredError);
    await expect(session.transact((tx) => rows(tx, 'SELECT 1'))).rejects.toThrow(SessionExpiredError);
    await session.close();
  });

  test('heartbeats that are all answered late keep their session, on the connection that they were sent on', async () => {
    await using proxy = await startFaultProxy({ url: database.url });
    await using slow = await connect({ url: proxy.url, driver });
    await using session = await slow.startSession({ component: 'slow', intervalMs: 3_000 });
    const late = proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => /UPDATE holdfast.session_deadline/.test(text ?? ''),
      action: delay(900),
      times: Infinity,
    });
    // More than an interval's worth: none of them is answered within a quarter of it.
    await waitFor(() => late.strikes >= 4 || session.expired);
    expect(session.expired).toBe(false);
    expect(await session.transact((tx) => rows(tx, 'SELECT 1'))).toEqual([['1']]);
  });

  test('beside a heartbeat on a connection that has fallen silent another one is sent on a new connection', async () => {
    await using proxy = await startFaultProxy({ url: database.url });
    await using db = await connect({ url: proxy.url, driver });
    await using session = await db.startSession({ component: 'silent', intervalMs: 3_000 });
    const silent = proxy.inject({
      direction: 'to-client',
      at: ({ tag }) => tag?.startsWith('UPDATE') ?? false,
      action: stall(),
    });
    await silent.struck;
    const { heartbeats } = db.stats;
    await waitFor(() => db.stats.heartbeats >= heartbeats + 4 || session.expired);
    expect(session.expired).toBe(false);
  });

  test('a session that had to wait for a connection for longer than its interval is alive when it begins', async () => {
    await using narrow = await connect({ url: database.url, driver, pool: { max: 1 } });
    await (await narrow.startSession({ component: 'first' })).close();
    const release = Promise.withResolvers<void>();
    const holding = narrow.transact(() => release.promise);
    await waitFor(() => narrow.stats.busy === 1);
    const starting = narrow.startSession({ component: 'late', intervalMs: 1_000 });
    const until = performance.now() + 1_200;
    await waitFor(() => performance.now() > until);
    release.resolve();
    await holding;
    await using session = await starting;
    expect(session.expired).toBe(false);
  });

  test('a process that was stopped past its deadline finds itself expired at its first look', async () => {
    const session = await db.startSession({ component: 'test', intervalMs: 300 });
    // Blocks this thread as SIGSTOP would: no timer runs meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect(session.expired).toBe(true);
    await expect(session.transact((tx) => rows(tx, 'SELECT 1'))).rejects.toThrow(SessionExpiredError);
    await session.close();
  });

  test('wall clocks that are minutes off, and jump, change nothing', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10 * 60_000 });
    await using session = await db.startSession({ component: 'skewed', intervalMs: 2_000 });
    const work = (await claimOne(session, 'skewed', () => ['machine']))!;
    vi.setSystemTime(Date.now() - 30 * 60_000);
    const before = db.stats.heartbeats;
    await waitFor(() => db.stats.heartbeats >= before + 3);
    vi.setSystemTime(Date.now() + 90 * 60_000);
    expect(session.expired).toBe(false);
    await work.finish();
    vi.useRealTimers();
    const [row] = await rows(
      db,
      "SELECT abs(extract(epoch FROM max(at) - now())) < 60 FROM holdfast.work_history WHERE kind = 'skewed'",
    );
    expect(row).toEqual(['t']);
  });

  test('a closed session is gone from the database at once, and closing twice is harmless', async () => {
    const session = await db.startSession({ component: 'test' });
    await Promise.all([session.close(), session.close()]);
    expect(await rows(db, 'SELECT 1 FROM holdfast.session WHERE session_id = $1', session.id)).toEqual([]);
    expect(await deadlineOf(session)).toBeUndefined();
    await expect(session.transact((tx) => rows(tx, 'SELECT 1'))).rejects.toThrow(SessionExpiredError);
  });

  test.each([
    ['component', {}],
    ['component', { component: 'a\0b' }],
    ['instance', { component: 'test', instance: { pid: 1 } }],
    ['instance', { component: 'test', instance: 'a\0b' }],
    ['intervalMs', { component: 'test', intervalMs: 99 }],
    ['interval', { component: 'test', interval: 5 }],
  ])('a wrong option of a session is named: %s', async (option, options) => {
    await expect(db.startSession(options as never)).rejects.toMatchObject({
      code: 'HOLDFAST_INVALID_OPTION',
      subject: option,
    });
  });
});
