import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { claimJob, finishJob, finishJobs, openJobs } from '../../examples/queue/generated/job.ts';
import {
  connect,
  type Database,
  LeaseLostError,
  MisuseError,
  rotating,
  type Session,
  SessionExpiredError,
  type Work,
} from '../../src/index.ts';
import { workHistory } from '../../src/queries/work.ts';
import { claim, finish, text } from '../../src/query/index.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, seededRandom, testEngine, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { addJobs, BUCKETS, createQueue, eventCounts } from './support.ts';

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  let url: string;
  beforeAll(async () => {
    ({ url } = await createTestDatabase());
    db = await connect({ url, driver, pool: { max: 24 } });
    await createQueue(db);
  });
  afterAll(() => db?.close());
  beforeEach(async () => {
    await rows(db, 'DELETE FROM job WHERE true');
    await rows(db, 'DELETE FROM holdfast.ended_work WHERE true');
    await rows(db, 'UPDATE holdfast.work SET holder = NULL WHERE holder IS NOT NULL');
  });

  const start = () => db.startSession({ component: 'test', intervalMs: 60_000 });
  const passDeadline = (session: Session) =>
    rows(
      db,
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 ms' WHERE session_id = $1",
      session.id,
    );
  const doneBy = async (job: string) =>
    (await rows(db, 'SELECT done_by FROM job WHERE job_id = $1', job))[0]![0];

  test('takes the best first, as many as wanted, and gives nothing when there is nothing', async () => {
    await using session = await start();
    const ids = (await addJobs(db, 5, 7n)).sort();
    const first = await session.claim(claimJob.with({ buckets: [7n] }));
    expect(first.map((work) => [work.kind, work.target])).toEqual([['job', ids[0]]]);
    const more = await session.claim(claimJob.with({ buckets: [7n] }), { wanted: 3 });
    expect(more.map((work) => work.target).sort()).toEqual(ids.slice(1, 4));
    expect(
      (await session.claim(claimJob.with({ buckets: [7n] }), { wanted: 10 })).map((work) => work.target),
    ).toEqual([ids[4]]);
    expect(await session.claim(claimJob.with({ buckets: [7n] }))).toEqual([]);
    expect(await eventCounts(db, 'job')).toEqual({ started: 5 });
    expect(session.held).toHaveLength(5);
  });

  // On CockroachDB a claim is serializable.
  test.runIf(testEngine() === 'postgresql').each(['query', 'function'])(
    'a target that was claimed for the first time and finished under way is not claimed again, by a %s',
    async (how) => {
      await using session = await start();
      const [first, second] = (await addJobs(db, 2, 9n)).sort() as [string, string];
      const [held] = await session.claim({ kind: 'job', candidates: () => [first] });
      await held!.cancel();
      const source = {
        query: claimJob.with({ buckets: [9n] }),
        function: { kind: 'job', candidates: () => [first, second] },
      }[how]!;
      let claiming: Promise<Work[]> | undefined;
      await using elsewhere = await connect({ url });
      await elsewhere.transact(async (tx) => {
        // The claim waits here, in the middle of what it writes.
        await rows(
          tx,
          "SELECT token FROM holdfast.work WHERE target = $1 AND kind = 'job' FOR UPDATE",
          first,
        );
        claiming = session.claim(source, { wanted: 2 });
        const waiting =
          "SELECT CAST(extract(epoch FROM xact_start) * 1000 AS INT8) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        const begun = await waitFor(async () => (await rows(db, waiting))[0]?.[0]);
        // As if another had claimed it a millisecond earlier.
        const token = String(BigInt(begun!) - 1n);
        await rows(
          db,
          "INSERT INTO holdfast.work (target, kind, token) VALUES ($1, 'job', $2)",
          second,
          token,
        );
      });
      expect((await claiming!).map(({ target }) => target)).toEqual([first]);
    },
  );

  test('what it gives are the works of workMany: checkpoint, finish, fail and cancel', async () => {
    await using session = await start();
    await addJobs(db, 4, 7n);
    const [a, b, c, d] = (await session.claim(claimJob.with({ buckets: [7n] }), { wanted: 4 })) as [
      Work,
      Work,
      Work,
      Work,
    ];
    await a.transact((tx) => rows(tx, "UPDATE job SET done_by = 'half' WHERE job_id = $1", a.target));
    await a.finish();
    await b.fail('broken');
    await c.cancel();
    await d.finish((tx) => finishJobs(tx, { jobIds: [d.target], doneBy: 'me' }));
    expect(await eventCounts(db, 'job')).toEqual({ started: 4, finished: 2, failed: 1, canceled: 1 });
    expect(await doneBy(d.target)).toBe('me');
  });

  test.each(['holdfast:session-expired', 'holdfast:lease-lost', 'holdfast:claim-void'])(
    'a value that reads like the refusal %s is a value: session and work live on',
    async (note) => {
      await using session = await start();
      const [id] = await addJobs(db, 1, 7n);
      const claimNoted = claim<{ note: string }>({
        ...claimJob.definition,
        text: 'SELECT j.job_id AS target FROM job AS j WHERE j.bucket = CAST($1::TEXT AS INT8)',
        params: [['note', text], ...claimJob.definition.params.slice(1)],
      });
      const finishNoted = finish<{ note: string }>({
        ...finishJob.definition,
        text: 'UPDATE job SET bucket = CAST($1::TEXT AS INT8) WHERE job_id = ANY($2::UUID[]) RETURNING 1 AS changed',
        params: [['note', text], ...finishJob.definition.params.slice(1)],
      });
      await expect(session.claim(claimNoted.with({ note }))).rejects.toMatchObject({ code: '22P02' });
      const works = await session.claim(claimNoted.with({ note: '7' }));
      const next = claimJob.with({ buckets: [7n] });
      await expect(session.finish(works, finishNoted.with({ note }))).rejects.toMatchObject({
        code: '22P02',
      });
      await expect(session.finish(works, finishNoted.with({ note }), { claim: next })).rejects.toMatchObject({
        code: '22P02',
      });
      expect([session.expired, works[0]!.ended, works[0]!.signal.aborted]).toEqual([false, false, false]);
      await session.finish(works, finishNoted.with({ note: '8' }));
      expect(await eventCounts(db, 'job')).toEqual({ started: 1, finished: 1 });
      expect(works[0]!.target).toBe(id);
    },
  );

  test('24 claimers at once: every job once, by its history', async () => {
    const random = seededRandom('24 claimers at once');
    const jobs = await addJobs(db, 300);
    const sessions = await Promise.all(Array.from({ length: 24 }, start));
    const run = async (session: Session, i: number) => {
      const source = rotating(BUCKETS, (buckets) => claimJob.with({ buckets }), random.next);
      for (;;) {
        const wanted = 1 + (i % 3);
        const works = await session.claim(source, { wanted });
        if (works.length === 0) return;
        if (i % 2 === 0) await session.finish(works, finishJob.with({ doneBy: session.id }));
        else
          await session.finish(works, (tx) =>
            finishJobs(tx, { jobIds: works.map(({ target }) => target), doneBy: session.id }),
          );
      }
    };
    await Promise.all(sessions.map(run));
    expect(await eventCounts(db, 'job')).toEqual({ started: 300, finished: 300 });
    const perTarget = await rows(
      db,
      "SELECT count(*) FROM holdfast.work_history WHERE kind = 'job' GROUP BY target, event HAVING count(*) > 1",
    );
    expect(perTarget).toEqual([]);
    expect(await openJobs(db)).toEqual({ jobs: 0n });
    const agree = await rows(
      db,
      `SELECT count(*) FROM job AS j JOIN holdfast.work_history AS h
         ON h.target = j.job_id::TEXT AND h.event = 'finished' AND h.session_id::TEXT = j.done_by`,
    );
    expect(agree).toEqual([[String(jobs.length)]]);
    await Promise.all(sessions.map((session) => session.close()));
  });

  test('24 claimers of one bucket of ten: no job twice, none left', async () => {
    await addJobs(db, 10, 1n);
    await using session = await start();
    const claimed = await Promise.all(
      Array.from({ length: 24 }, () => session.claim(claimJob.with({ buckets: [1n] }))),
    );
    const targets = claimed.flat().map(({ target }) => target);
    expect(new Set(targets).size).toBe(targets.length);
    for (;;) {
      const rest = await session.claim(claimJob.with({ buckets: [1n] }), { wanted: 10 });
      if (rest.length === 0) break;
      targets.push(...rest.map(({ target }) => target));
    }
    expect(new Set(targets).size).toBe(10);
    expect(await eventCounts(db, 'job')).toEqual({ started: 10 });
  });

  test('the works of a dead holder are taken over at once: token up, its session gone, its history abandoned', async () => {
    await addJobs(db, 2, 3n);
    const dead = await start();
    const held = await dead.claim(claimJob.with({ buckets: [3n] }), { wanted: 2 });
    await passDeadline(dead);
    await using heir = await start();
    const [work] = await heir.claim(claimJob.with({ buckets: [3n] }));
    expect([work?.token, work?.takenFrom, work?.target]).toEqual([
      held[0]!.token + 1n,
      dead.id,
      held[0]!.target,
    ]);
    expect(await rows(db, 'SELECT 1 FROM holdfast.session WHERE session_id = $1', dead.id)).toEqual([]);
    const history = await workHistory(db, { target: work!.target });
    expect(history.map(({ event, token }) => [event, token])).toEqual([
      ['started', held[0]!.token],
      ['abandoned', held[0]!.token],
      ['started', held[0]!.token + 1n],
    ]);
    const [second] = await heir.claim(claimJob.with({ buckets: [3n] }));
    expect([second?.target, second?.token]).toEqual([held[1]!.target, held[1]!.token + 1n]);
  });

  test('what backs off is passed over until it is due', async () => {
    await using session = await start();
    const ids = (await addJobs(db, 2, 4n)).sort();
    const [first] = await session.claim(claimJob.with({ buckets: [4n] }));
    await first!.fail('not yet', { backoff: { initialMs: 60_000 } });
    const [next] = await session.claim(claimJob.with({ buckets: [4n] }), { wanted: 2 });
    expect(next?.target).toBe(ids[1]);
    expect(await session.claim(claimJob.with({ buckets: [4n] }))).toEqual([]);
    await rows(db, 'UPDATE holdfast.work SET not_before = now() WHERE target = $1', ids[0]!);
    const [again] = await session.claim(claimJob.with({ buckets: [4n] }));
    expect([again?.target, again?.token]).toEqual([ids[0], first!.token + 1n]);
    await session.finish([again!], finishJob.with({ doneBy: 'x' }));
    expect(
      await rows(db, 'SELECT not_before, backoff_seconds FROM holdfast.work WHERE target = $1', ids[0]!),
    ).toEqual([[null, null]]);
  });

  test.each([
    ['past its deadline', passDeadline],
    [
      'evicted',
      (session: Session) => rows(db, 'DELETE FROM holdfast.session WHERE session_id = $1', session.id),
    ],
  ])('a claimer %s gets nothing and learns it', async (_, kill) => {
    await addJobs(db, 1, 5n);
    const session = await start();
    await kill(session);
    await expect(session.claim(claimJob.with({ buckets: [5n] }))).rejects.toThrow(SessionExpiredError);
    expect(session.expired).toBe(true);
    expect(await eventCounts(db, 'job')).toEqual({});
  });

  /** Two works of a session; the first was taken over behind its back. */
  async function zombie() {
    await addJobs(db, 2, 6n);
    const old = await start();
    const works = await old.claim(claimJob.with({ buckets: [6n] }), { wanted: 2 });
    await passDeadline(old);
    const heir = await start();
    const [taken] = await heir.claim(claimJob.with({ buckets: [6n] }));
    return { old, works, heir, taken: taken! };
  }
  test.each([
    ['finish', (s: Session, works: readonly Work[]) => s.finish(works, finishJob.with({ doneBy: 'zombie' }))],
    [
      'finishMany',
      (s: Session, works: readonly Work[]) =>
        s.finish(works, (tx) => finishJobs(tx, { jobIds: works.map((w) => w.target), doneBy: 'zombie' })),
    ],
    [
      'finishAndClaim',
      (s: Session, works: readonly Work[]) =>
        s.finish(works, finishJob.with({ doneBy: 'zombie' }), { claim: claimJob.with({ buckets: [6n] }) }),
    ],
  ])('a zombie cannot %s, and changes nothing by trying', async (_, attempt) => {
    const { old, works, heir, taken } = await zombie();
    await expect(attempt(old, works)).rejects.toThrow(SessionExpiredError);
    expect(await rows(db, "SELECT 1 FROM job WHERE done_by = 'zombie'")).toEqual([]);
    expect((await eventCounts(db, 'job'))['finished']).toBeUndefined();
    await heir.finish([taken], finishJob.with({ doneBy: 'heir' }));
    expect(await doneBy(taken.target)).toBe('heir');
    await heir.close();
  });

  test('finishing together is all or nothing: one lost work, and it alone, is told so', async () => {
    await using session = await start();
    await addJobs(db, 3, 8n);
    const works = await session.claim(claimJob.with({ buckets: [8n] }), { wanted: 3 });
    const [lost, ...kept] = works as [Work, ...Work[]];
    await rows(db, 'UPDATE holdfast.work SET token = token + 1 WHERE target = $1', lost.target);
    const error = await session
      .finish(works, finishJob.with({ doneBy: 'x' }))
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LeaseLostError);
    expect((error as Error).message).toContain(lost.target);
    expect(works.map((work) => work.signal.aborted)).toEqual([true, false, false]);
    expect(await rows(db, "SELECT 1 FROM job WHERE done_by = 'x'")).toEqual([]);
    await session.finish(kept, (tx) =>
      finishJobs(tx, { jobIds: kept.map(({ target }) => target), doneBy: 'y' }),
    );
    expect(await rows(db, "SELECT count(*) FROM job WHERE done_by = 'y'")).toEqual([['2']]);
    await expect(session.finish(kept)).rejects.toThrow(MisuseError);
  });

  test('finish and claim in one commit: what is done is not claimed again', async () => {
    await using session = await start();
    const ids = (await addJobs(db, 3, 9n)).sort();
    let works = await session.finish([], finishJob.with({ doneBy: 'x' }), {
      claim: claimJob.with({ buckets: [9n] }),
    });
    const seen: string[] = [];
    while (works.length > 0) {
      seen.push(...works.map(({ target }) => target));
      works = await session.finish(works, finishJob.with({ doneBy: 'x' }), {
        claim: claimJob.with({ buckets: [9n] }),
      });
    }
    expect(seen).toEqual(ids);
    expect(await eventCounts(db, 'job')).toEqual({ started: 3, finished: 3 });
  });

  test('works of another session or process do not end together', async () => {
    await using session = await start();
    await using other = await start();
    await addJobs(db, 1, 10n);
    const [mine] = await session.claim(claimJob.with({ buckets: [10n] }));
    await expect(other.finish([mine!], finishJob.with({ doneBy: 'x' }))).rejects.toThrow(MisuseError);
    const foreign = (await claimOne(session, 'other', () => ['t']))!;
    await expect(session.finish([foreign], finishJob.with({ doneBy: 'x' }))).rejects.toThrow(MisuseError);
    await expect(session.finish([mine!, foreign])).rejects.toThrow(MisuseError);
    await expect(session.claim(claimJob.with({ buckets: [1n] }), { wanted: 0 })).rejects.toThrow(MisuseError);
  });
});
