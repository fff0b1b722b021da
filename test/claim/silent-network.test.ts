import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimJob, finishJob } from '../../examples/queue/generated/job.ts';
import { AmbiguousCommitError, connect, runJanitor, SessionExpiredError } from '../../src/index.ts';
import { type FaultProxy, stall, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase } from '../support/database.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';
import { addJobs, createQueue } from './support.ts';

// Connections stay open and nothing is answered any more. Every wait has an end of its own.
describe('a network that falls silent', () => {
  expectNoUncaughtErrors();
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await using db = await connect({ url: database.url });
    await createQueue(db);
    await addJobs(db, 20, 1n);
  });
  const silence = (proxy: FaultProxy) =>
    proxy.inject({ direction: 'to-client', action: stall(), times: Infinity, startup: true });
  const options = { tls: { mode: 'disable' }, connectTimeoutMs: 5_000, closeTimeoutMs: 500 } as const;
  const call = { buckets: [1n] };

  test.concurrent.each(DRIVERS)('holds a claim no longer than its session lives, %s', async (driver) => {
    await using proxy = await startFaultProxy({ url: database.url });
    await using db = await connect({ url: proxy.url, driver, ...options });
    const session = await db.startSession({ component: 'claimer', intervalMs: 1_000 });
    await session.claim(claimJob.with(call));
    silence(proxy);
    await expect(session.claim(claimJob.with(call))).rejects.toThrow(SessionExpiredError);
    expect(session.expired).toBe(true);
  });

  test.concurrent.each(DRIVERS)('holds a finish no longer than its session lives, %s', async (driver) => {
    await using proxy = await startFaultProxy({ url: database.url });
    await using db = await connect({ url: proxy.url, driver, ...options });
    const session = await db.startSession({ component: 'finisher', intervalMs: 1_000 });
    const works = await session.claim(claimJob.with(call));
    silence(proxy);
    const finishing = session.finish(works, finishJob.with({ doneBy: 'me' }));
    // Nobody answers whether it was carried out.
    await expect(finishing).rejects.toThrow(AmbiguousCommitError);
    expect(session.expired).toBe(true);
  });

  test.concurrent.each(DRIVERS)(
    'holds a sweep of the janitor no longer than its statement timeout, %s',
    async (driver) => {
      await using proxy = await startFaultProxy({ url: database.url });
      await using db = await connect({ url: proxy.url, driver, ...options });
      const failed = Promise.withResolvers<unknown>();
      const janitor = runJanitor(db, { statementTimeoutMs: 300, intervalMs: 50, onError: failed.resolve });
      await janitor.sweep();
      silence(proxy);
      expect(await failed.promise).toBeInstanceOf(Error);
      await janitor.stop();
    },
  );

  test.concurrent.each(DRIVERS)(
    'keeps neither a live session with work nor its handle from closing, %s',
    async (driver) => {
      await using proxy = await startFaultProxy({ url: database.url });
      const db = await connect({ url: proxy.url, driver, ...options });
      const session = await db.startSession({ component: 'closer', intervalMs: 1_000 });
      await session.claim(claimJob.with(call));
      silence(proxy);
      const hanging = db.execute({ text: 'SELECT 1', values: [] });
      hanging.catch(() => {});
      await session.close().catch(() => {});
      await db.close();
      await expect(hanging).rejects.toMatchObject({ code: 'HOLDFAST_CONNECTION_LOST' });
    },
  );
  afterAll(() => database?.drop());
});
