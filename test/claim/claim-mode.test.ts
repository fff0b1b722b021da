import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimJob } from '../../examples/queue/generated/job.ts';
import { connect, type Database } from '../../src/index.ts';
import { type FaultProxy, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, testEngine } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';
import { addJobs, createQueue } from './support.ts';

// CockroachDB has none of these settings, and claims set nothing there.
describe.runIf(testEngine() === 'postgresql').each(SUITE_DRIVERS)('claim mode on %s', (driver) => {
  const SETTINGS = ['enable_seqscan', 'plan_cache_mode', 'jit', 'default_transaction_isolation'];
  let database: TestDatabase;
  let proxy: FaultProxy;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await startFaultProxy({ url: database.url });
    db = await connect({ url: proxy.url, driver, pool: { max: 1 } });
    await createQueue(db);
    await addJobs(db, 10, 7n);
  });
  afterAll(async () => {
    await db?.close();
    await proxy?.close();
    await database?.drop();
  });

  const settings = async (executor: Parameters<typeof rows>[0]) => {
    const values: string[] = [];
    for (const setting of SETTINGS) values.push((await rows(executor, `SHOW ${setting}`))[0]![0]!);
    return values;
  };

  test('what a claim is run with is set on no connection that runs anything else', async () => {
    await using fresh = await connect({ url: database.url, driver });
    const defaults = await settings(fresh);
    await using session = await db.startSession({ component: 'mode', intervalMs: 60_000 });
    const users: [string, () => Promise<unknown>][] = [
      ['db.execute', () => settings(db)],
      ['db.transact', () => db.transact((tx) => settings(tx))],
      ['session.transact', () => session.transact((tx) => settings(tx))],
      [
        'session.batch',
        () =>
          session.batch(
            SETTINGS.map((setting) => ({
              statement: sql(`SHOW ${setting}`),
              result: (raw: { rows: readonly (readonly (string | null)[])[] }) => raw.rows[0]![0],
            })),
          ),
      ],
    ];
    for (const [name, use] of users) {
      expect(await session.claim(claimJob.with({ buckets: [7n] })), name).toHaveLength(1);
      expect(await use(), name).toEqual(defaults);
    }
  });

  test('a claim, and an end, is one statement in one message, without a transaction around it', async () => {
    await using session = await db.startSession({ component: 'mode', intervalMs: 60_000 });
    const claim = () => session.claim(claimJob.with({ buckets: [7n] }));
    await (await claim())[0]!.cancel();
    const claimed = await proxy.measure(claim);
    expect(claimed).toMatchObject({ statements: 1, roundTrips: 1 });
    const [work] = claimed.value;
    expect(await proxy.measure(() => work!.cancel())).toMatchObject({ statements: 1, roundTrips: 1 });
  });

  test('nor is it on the connection of a guarded statement', async () => {
    await using session = await db.startSession({ component: 'mode', intervalMs: 60_000 });
    await session.claim(claimJob.with({ buckets: [7n] }));
    for (const [setting, value] of [
      ['enable_seqscan', 'on'],
      ['plan_cache_mode', 'auto'],
    ])
      expect((await db.guardedWithin(60_000).execute(sql(`SHOW ${setting}`))).rows).toEqual([[value]]);
  });
});
