import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, DatabaseClosedError } from '../../src/index.ts';
import { delay, FakeClock, type FaultProxy, stall, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

expectNoUncaughtErrors();

let database: TestDatabase;
let proxy: FaultProxy;
let direct: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startFaultProxy({ url: database.url });
  direct = await connect({ url: database.url });
});
afterEach(() => proxy.calm());
afterAll(async () => {
  await direct?.close();
  await proxy?.close();
});

describe.each(DRIVERS)('%s', (driver) => {
  test('a session that was being started when the handle was closed is none, and leaves no row', async () => {
    const db = await connect({ url: proxy.url, driver, tls: { mode: 'disable' } });
    await using before = await db.startSession({ component: 'before', intervalMs: 60_000 });
    const insert = proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => /INSERT INTO holdfast.session /.test(text ?? ''),
      action: delay(50),
    });
    const starting = db.startSession({ component: `late ${driver}`, intervalMs: 60_000 });
    starting.catch(() => {});
    await insert.struck;
    await db.close();
    await expect(starting).rejects.toBeInstanceOf(DatabaseClosedError);
    const left = await rows(direct, 'SELECT 1 FROM holdfast.session WHERE component = $1', `late ${driver}`);
    expect(left).toEqual([]);
    expect(before.expired).toBe(true);
    await expect(db.startSession({ component: 'after' })).rejects.toBeInstanceOf(DatabaseClosedError);
  });

  test('closeTimeoutMs covers sessions and markers too: what does not end by then is cut', async () => {
    const db = await connect({
      url: proxy.url,
      driver,
      tls: { mode: 'disable' },
      closeTimeoutMs: 100,
      pool: { max: 1 },
    });
    await db.startSession({ component: 'stuck', intervalMs: 60_000 });
    const asked = proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => text?.includes('for ever') ?? false,
      action: stall(),
    });
    const stuck = db.transact((tx) => tx.execute(sql("SELECT 'for ever'")), { maxRetries: 0 });
    stuck.catch(() => {});
    await asked.struck;
    using clock = new FakeClock();
    let closed = false;
    const closing = db.close().then(() => {
      closed = true;
    });
    // By then: later nothing but what is due at once, however slow the host.
    for (let ms = 0; !closed; ms++) {
      await clock.advance(ms < 100 ? 1 : 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closing;
    await expect(stuck).rejects.toThrow();
  });
});
