import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, runControlLoop } from '../../src/index.ts';
import { type FaultProxy, stall, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';

// Connections stay open and nothing is answered: a host that vanished, a firewall that forgot. No error will
// ever tell, so each wait has an end of its own.
describe('a silent server', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database?.drop());
  const silence = (proxy: FaultProxy) =>
    proxy.inject({ direction: 'to-client', action: stall(), times: Infinity, startup: true });

  test.concurrent.each(DRIVERS)(
    'keeps neither a loop from stopping nor a handle from closing, %s',
    async (driver) => {
      await using proxy = await startFaultProxy({ url: database.url });
      await using db = await connect({ url: proxy.url, driver, connectTimeoutMs: 1_000 });
      const loop = runControlLoop(db, {
        intervalMs: 1_000,
        pollIntervalMs: 60_000,
        source: { kind: `silent ${driver}`, candidates: () => [] },
        handle: async () => {},
      });
      // It rests, and its connection lies idle in the pool.
      await waitFor(() => loop.state.lastPollAgeMs !== undefined && db.stats.idle > 0 && db.stats.busy === 0);
      silence(proxy);
      await loop.stop({ graceMs: 100 });
      await db.close();
      expect(loop.state.running).toBe(false);
    },
  );

  test.concurrent.each(DRIVERS)('does not hold a session that is being started, %s', async (driver) => {
    await using proxy = await startFaultProxy({ url: database.url });
    await using db = await connect({ url: proxy.url, driver, connectTimeoutMs: 1_000 });
    await (await db.startSession({ component: 'first' })).close();
    silence(proxy);
    await expect(db.startSession({ component: 'silent', intervalMs: 1_000 })).rejects.toMatchObject({
      code: 'HOLDFAST_CONNECTION_LOST',
    });
    proxy.calm();
    await using session = await db.startSession({ component: 'after', intervalMs: 60_000 });
    expect(session.expired).toBe(false);
  });

  test.concurrent.each(DRIVERS)(
    'does not hold what a session has under way: links that fell silent are cut, and new ones used, %s',
    async (driver) => {
      await using proxy = await startFaultProxy({ url: database.url });
      await using db = await connect({ url: proxy.url, driver, pool: { max: 4 } });
      await using session = await db.startSession({ component: 'half-open', intervalMs: 3_000 });
      const [work] = await session.claim({ kind: `half-open ${driver}`, candidates: () => ['target'] });
      let opened = 0;
      const stop = proxy.watch(({ connection }) => {
        opened = Math.max(opened, connection);
      });
      await Promise.all(Array.from({ length: 4 }, () => db.execute({ text: 'SELECT 1', values: [] })));
      stop();
      proxy.inject({
        direction: 'to-client',
        at: ({ connection }) => connection <= opened,
        action: stall(),
        times: Infinity,
      });
      const changed = work!.finish((tx) => tx.execute({ text: 'SELECT 42', values: [] }));
      expect((await changed).rows).toEqual([['42']]);
      expect([work!.ended, session.expired]).toEqual([true, false]);
    },
  );

  test.concurrent.each(DRIVERS)('does not hold a program that connects, %s', async (driver) => {
    await using proxy = await startFaultProxy({ url: database.url });
    proxy.inject({
      direction: 'to-server',
      at: ({ sql }) => sql?.startsWith('SELECT version()') ?? false,
      action: stall(),
    });
    await expect(connect({ url: proxy.url, driver, connectTimeoutMs: 500 })).rejects.toMatchObject({
      code: 'HOLDFAST_CONNECTION_LOST',
    });
  });
});
