import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { claimJob, finishJob, openJobs } from '../../examples/queue/generated/job.ts';
import {
  connect,
  type Database,
  LeaseLostError,
  rotating,
  type Session,
  SessionExpiredError,
  type Work,
} from '../../src/index.ts';
import { dropReply, type FaultProxy, startFaultProxy, type WireMessage } from '../../src/testing/index.ts';
import { createTestDatabase, SUITE_DRIVERS, seededRandom, type TestDatabase } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';
import { addJobs, BUCKETS, createQueue, eventCounts } from './support.ts';

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  expectNoUncaughtErrors();
  let database: TestDatabase;
  let proxy: FaultProxy;
  let db: Database;
  let direct: Database;
  let bucket = 100n;
  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await startFaultProxy({ url: database.url });
    db = await connect({ url: proxy.url, driver, tls: { mode: 'disable' }, pool: { max: 8 } });
    direct = await connect({ url: database.url, driver });
    await createQueue(direct);
  });
  afterEach(() => proxy.calm());
  afterAll(async () => {
    await db?.close();
    await direct?.close();
    await proxy?.close();
  });

  const start = () => db.startSession({ component: 'test', intervalMs: 600_000 });
  const fresh = async (count: number) => {
    bucket++;
    await addJobs(direct, count, bucket);
    return [bucket];
  };
  /** So many works, of a bucket of their own. */
  const held = async (session: Session, count: number) =>
    session.claim(claimJob.with({ buckets: await fresh(count) }), { wanted: count });
  const finishAtOnce = (session: Session, works: readonly Work[], of: (work: Work) => string = () => 'us') =>
    works.map((work) => session.finish([work], finishJob.with({ doneBy: of(work) })));
  const doneBy = async ({ target }: Work) =>
    (await rows(direct, 'SELECT done_by FROM job WHERE job_id = $1', target))[0]![0];
  test('what waits for a finish under way leaves in the next one: twelve are two round trips', async () => {
    await using session = await start();
    // Connections and plans are there.
    await Promise.all(finishAtOnce(session, await held(session, 1)));
    const works = await held(session, 12);
    const { roundTrips } = await proxy.measure(() => Promise.all(finishAtOnce(session, works)));
    expect(roundTrips).toBe(2);
    expect(works.every(({ ended }) => ended)).toBe(true);
    expect(await Promise.all(works.map(doneBy))).toEqual(Array(12).fill('us'));
  });

  test('what wants another value does not share the statement', async () => {
    await using session = await start();
    const works = await held(session, 5);
    await Promise.all(finishAtOnce(session, works, ({ target }) => target));
    for (const work of works) expect(await doneBy(work)).toBe(work.target);
  });

  test('24 workers of one session share claims and finishes by themselves, and do every job once, in fewer statements than jobs', async () => {
    await rows(direct, 'DELETE FROM job WHERE true');
    const before = await eventCounts(direct, 'job');
    await addJobs(direct, 300);
    await using session = await start();
    const random = seededRandom('workers that share a slice');
    const source = rotating(BUCKETS, (buckets) => claimJob.with({ buckets }), random.next);
    const worker = async () => {
      for (;;) {
        const works = await session.claim(source);
        if (works.length === 0) return;
        await session.finish(works, finishJob.with({ doneBy: 'us' }));
      }
    };
    const { statements } = await proxy.measure(() => Promise.all(Array.from({ length: 24 }, worker)));
    const after = await eventCounts(direct, 'job');
    const more = (event: string) => after[event]! - (before[event] ?? 0);
    expect([more('started'), more('finished')]).toEqual([300, 300]);
    expect(await openJobs(direct)).toEqual({ jobs: 0n });
    expect(session.held).toEqual([]);
    expect(statements).toBeLessThan(300);
  });

  test('one that was taken over is refused alone: those that shared its statement are finished', async () => {
    await using session = await start();
    const works = await held(session, 6);
    const lost = works[4]!;
    await rows(direct, 'UPDATE holdfast.work SET token = token + 1 WHERE target = $1', lost.target);
    const ends = await Promise.allSettled(finishAtOnce(session, works));
    const fates = works.map((work) => (work === lost ? 'rejected' : 'fulfilled'));
    expect(ends.map(({ status }) => status)).toEqual(fates);
    expect((ends[4] as PromiseRejectedResult).reason).toBeInstanceOf(LeaseLostError);
    expect(lost.signal.aborted).toBe(true);
    expect(await Promise.all(works.map(doneBy))).toEqual(works.map((work) => (work === lost ? null : 'us')));
  });

  test('the answer to a shared finish is lost: each is finished once', async () => {
    await using session = await start();
    const works = await held(session, 6);
    let seen = 0;
    const second = ({ type, sql }: WireMessage) =>
      (type === 'E' || type === 'Q') && (sql?.includes('holdfast:lease-lost') ?? false) && ++seen === 2;
    const struck = proxy.inject({ direction: 'to-server', at: second, action: dropReply() });
    await Promise.all(finishAtOnce(session, works));
    expect(struck.strikes).toBe(1);
    expect(await Promise.all(works.map(doneBy))).toEqual(Array(6).fill('us'));
    expect(session.held).toEqual([]);
  });

  test('a session that is gone fails all, and nothing is finished', async () => {
    const session = await start();
    const works = await held(session, 4);
    await rows(direct, 'DELETE FROM holdfast.session WHERE session_id = $1', session.id);
    const [first, ...others] = await Promise.allSettled(finishAtOnce(session, works));
    expect(first).toMatchObject({ status: 'rejected', reason: expect.any(SessionExpiredError) });
    // The end of the session cuts what is under way.
    for (const end of others) expect(end.status).toBe('rejected');
    expect(await Promise.all(works.map(doneBy))).toEqual(Array(4).fill(null));
  });
});
