import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { type FaultProxy, injectRetries, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';

let database: TestDatabase;
let proxy: FaultProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startFaultProxy({ url: database.url });
});
afterAll(async () => {
  await proxy?.close();
  await database?.drop();
});

describe.each(SUITE_DRIVERS)('injected retries under %s', (driver) => {
  test('a refused commit strikes once in each attempt, though RELEASE and COMMIT leave together', async () => {
    await using db = await connect({ url: proxy.url, driver });
    const attempts: number[] = [];
    const fault = injectRetries(proxy, { times: 2, at: 'commit' });
    await db.transact((_, { attempt }) => void attempts.push(attempt));
    expect(attempts).toEqual([1, 2, 3]);
    expect(fault.strikes).toBe(2);
    fault.remove();
  });

  test('a refused statement strikes once in each attempt, though more that match leave with it', async () => {
    await using db = await connect({ url: proxy.url, driver });
    const attempts: number[] = [];
    const fault = injectRetries(proxy, { times: 3, at: /^VALUES/ });
    await db.transact(async (tx, { attempt }) => {
      attempts.push(attempt);
      await Promise.all([1, 2, 3].map((n) => tx.execute(sql(`VALUES (${n})`))));
    });
    expect(attempts).toEqual([1, 2, 3, 4]);
    expect(fault.strikes).toBe(3);
    fault.remove();
  });

  test('statements of their own are each struck', async () => {
    await using db = await connect({ url: proxy.url, driver });
    const fault = injectRetries(proxy, { times: 2, at: /^VALUES/, sqlState: '22012' });
    await expect(db.execute(sql('VALUES (1)'))).rejects.toMatchObject({ code: '22012' });
    await expect(db.execute(sql('VALUES (1)'))).rejects.toMatchObject({ code: '22012' });
    expect((await db.execute(sql('VALUES (1)'))).rows).toEqual([['1']]);
    fault.remove();
  });
});
