import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConnectionLostError, connect, type Database } from '../../src/index.ts';
import {
  cut,
  dropReply,
  type FaultAction,
  type FaultProxy,
  misreport,
  startFaultProxy,
} from '../../src/testing/index.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { sql } from '../support/sql.ts';

describe.each(SUITE_DRIVERS)('a guarded statement on %s whose server is lost', (driver) => {
  let proxy: FaultProxy;
  let db: Database;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    proxy = await startFaultProxy({ url });
    db = await connect({ url: proxy.url, driver, tls: { mode: 'disable' } });
    await db.transact((tx) => tx.execute(sql('CREATE TABLE note (body TEXT NOT NULL)')), { allowDdl: true });
  });
  afterAll(async () => {
    await db?.close();
    await proxy?.close();
  });
  const strike = (text: string, action: FaultAction, times = 1) =>
    proxy.inject({ direction: 'to-server', at: ({ sql: said }) => said === text, action, times });

  test.each<[string, FaultAction]>([
    ['cut before it is sent', cut('before')],
    ['whose answer is lost', dropReply()],
    [
      'answered by a node that is cut off from its cluster',
      misreport('XXUUU', 'rpc error: code = Unavailable desc = node unavailable'),
    ],
  ])('is sent again when it only reads: %s', async (_, action) => {
    const text = `SELECT ${Math.random()}::TEXT AS one, 'read'`;
    const fault = strike(text, action);
    expect((await db.guardedWithin(30_000).execute(sql(text))).rows).toMatchObject([
      [expect.any(String), 'read'],
    ]);
    expect(fault.strikes).toBe(1);
  });

  test('is sent once when it writes', async () => {
    const text = "INSERT INTO note VALUES ('once')";
    strike(text, dropReply());
    await expect(db.guardedWithin(30_000).execute(sql(text))).rejects.toBeInstanceOf(ConnectionLostError);
    const { rows } = await db.execute(sql('SELECT body FROM note'));
    expect(rows).toEqual([['once']]);
  });

  test('is not sent for ever when it only reads and no connection lasts', async () => {
    const text = "SELECT 'never'";
    const fault = strike(text, cut('before'), Infinity);
    await expect(db.guardedWithin(30_000).execute(sql(text))).rejects.toBeInstanceOf(ConnectionLostError);
    expect(fault.strikes).toBeGreaterThan(1);
    fault.remove();
  });
});
