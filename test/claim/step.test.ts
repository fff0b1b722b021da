import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimJob, finishJob } from '../../examples/queue/generated/job.ts';
import {
  AmbiguousCommitError,
  connect,
  type Database,
  LeaseLostError,
  type Session,
  SessionExpiredError,
} from '../../src/index.ts';
import { arrayOf, int8, step, text, uuid } from '../../src/runtime.ts';
import { dropReply, type FaultProxy, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, testEngine } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { addJobs, createQueue, eventCounts } from './support.ts';

/** As the compiler writes `-- name: NoteJob :step kind=job` down. */
const noteJob = step<{ note: string }>({
  name: 'NoteJob',
  text: 'UPDATE job SET done_by = $1 WHERE job_id = ANY($2::UUID[]) RETURNING 1 AS changed',
  kind: 'job',
  operation: 'UPDATE',
  collection: 'job',
  params: [
    ['note', text],
    ['targets', arrayOf(uuid)],
    ['sessionId', uuid],
    ['keyKinds', arrayOf(text)],
    ['keyTargets', arrayOf(text)],
    ['keyTokens', arrayOf(int8)],
    ['refusal', text],
  ],
});

describe.each(DRIVERS)('a step on %s', (driver) => {
  let proxy: FaultProxy;
  let db: Database;
  let direct: Database;
  beforeAll(async () => {
    const database = await createTestDatabase();
    proxy = await startFaultProxy({ url: database.url });
    db = await connect({ url: proxy.url, driver, tls: { mode: 'disable' } });
    direct = await connect({ url: database.url, driver });
    await createQueue(direct);
  });
  afterAll(async () => {
    await db?.close();
    await direct?.close();
    await proxy?.close();
  });

  let bucket = 200n;
  const start = () => db.startSession({ component: 'test', intervalMs: 600_000 });
  const held = async (session: Session, count: number) => {
    await addJobs(direct, count, ++bucket);
    return session.claim(claimJob.with({ buckets: [bucket] }), { wanted: count });
  };
  const doneBy = async (target: string) =>
    (await rows(direct, 'SELECT done_by FROM job WHERE job_id = $1', target))[0]![0];

  test('makes its change in one round trip and keeps the works, which can be finished then', async () => {
    await using session = await start();
    const works = await held(session, 3);
    await works[0]!.step(noteJob.with({ note: 'warm' }));
    const { roundTrips } = await proxy.measure(() => session.step(works, noteJob.with({ note: 'half' })));
    expect(roundTrips).toBe(1);
    for (const { target, ended } of works) expect([await doneBy(target), ended]).toEqual(['half', false]);
    await session.finish(works, finishJob.with({ doneBy: 'all' }));
    for (const { target } of works) expect(await doneBy(target)).toBe('all');
    expect(await eventCounts(direct, 'job')).toMatchObject({ started: 3, finished: 3 });
  });

  test('of works of which one was taken over changes nothing, and tells which', async () => {
    await using session = await start();
    const works = await held(session, 2);
    await rows(direct, 'UPDATE holdfast.work SET token = token + 1 WHERE target = $1', works[1]!.target);
    await expect(session.step(works, noteJob.with({ note: 'x' }))).rejects.toThrow(LeaseLostError);
    expect(works.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    for (const { target } of works) expect(await doneBy(target)).toBeNull();
    await works[0]!.step(noteJob.with({ note: 'mine' }));
    expect(await doneBy(works[0]!.target)).toBe('mine');
  });

  test('of a session that is gone changes nothing, and ends it here', async () => {
    const session = await start();
    const [work] = await held(session, 1);
    await rows(direct, 'DELETE FROM holdfast.session WHERE session_id = $1', session.id);
    await expect(work!.step(noteJob.with({ note: 'x' }))).rejects.toThrow(SessionExpiredError);
    expect([await doneBy(work!.target), session.expired]).toEqual([null, true]);
  });

  test('whose answer is lost is told as not known, and the work is still held', async () => {
    await using session = await start();
    const [work] = await held(session, 1);
    proxy.inject({
      direction: 'to-server',
      at: ({ type, sql }) => (type === 'E' || type === 'Q') && (sql?.includes('AS stepped') ?? false),
      action: dropReply(),
    });
    await expect(work!.step(noteJob.with({ note: 'x' }))).rejects.toThrow(AmbiguousCommitError);
    proxy.calm();
    await work!.step(noteJob.with({ note: 'again' }));
    expect(await doneBy(work!.target)).toBe('again');
  });

  test('waits for an end of the same work that is under way, and is refused once that is committed', async () => {
    if (testEngine() === 'cockroachdb') return;
    await using session = await start();
    const [work] = await held(session, 1);
    const ended = Promise.withResolvers<void>();
    const commit = Promise.withResolvers<void>();
    const ending = direct.transact(async (tx) => {
      await rows(tx, 'UPDATE holdfast.work SET holder = NULL WHERE target = $1', work!.target);
      ended.resolve();
      await commit.promise;
    });
    await ended.promise;
    const stepping = work!.step(noteJob.with({ note: 'late' })).catch((error: unknown) => error);
    commit.resolve();
    await ending;
    expect(await stepping).toBeInstanceOf(LeaseLostError);
    expect(await doneBy(work!.target)).toBeNull();
  });
});
