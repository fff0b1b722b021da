import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { claimJob, finishJob, finishJobs } from '../../examples/queue/generated/job.ts';
import { connect, type Database, type Session, SessionExpiredError, type Work } from '../../src/index.ts';
import { closeSessions } from '../../src/queries/sessions.ts';
import {
  cut,
  type Direction,
  dropReply,
  type FaultAction,
  type FaultProxy,
  misreport,
  refuse,
  stall,
  startFaultProxy,
  type WireMessage,
} from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';
import { addJobs, createQueue } from './support.ts';

const cockroach = testEngine() === 'cockroachdb';
const MOST_MESSAGES = 100;

// The one-statement claims and finishes carry no marker. What became of one whose answer was lost shows in the rows
// that it wrote, once it is sure that it writes no more.
describe.each(DRIVERS)('%s', (driver) => {
  expectNoUncaughtErrors();
  let database: TestDatabase;
  let proxy: FaultProxy;
  let db: Database;
  let direct: Database;
  let bucket = 100n;
  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await startFaultProxy({ url: database.url });
    db = await connect({ url: proxy.url, driver, tls: { mode: 'disable' }, pool: { max: 3 } });
    direct = await connect({ url: database.url, driver });
    await createQueue(direct);
  });
  afterEach(async () => {
    proxy.calm();
    await waitFor(() => db.stats.busy === 0 && db.stats.waiting === 0);
  });
  afterAll(async () => {
    await db?.close();
    await direct?.close();
    await proxy?.close();
  });

  const start = () => db.startSession({ component: 'test', intervalMs: 600_000 });
  const fresh = async (count: number) => {
    bucket++;
    return { buckets: [bucket], ids: (await addJobs(direct, count, bucket)).sort() };
  };
  const heldBy = async ({ id }: Session) =>
    (await rows(direct, 'SELECT target FROM holdfast.work WHERE holder = $1 ORDER BY target', id)).map(
      ([target]) => target,
    );
  const events = async (target: string) =>
    (
      await rows(
        direct,
        "SELECT event FROM holdfast.work_history WHERE target = $1 ORDER BY token, CASE event WHEN 'started' THEN 1 ELSE 2 END",
        target,
      )
    ).map(([event]) => event);
  const doneBy = async (id: string) =>
    (await rows(direct, 'SELECT done_by FROM job WHERE job_id = $1', id))[0]![0];

  const isClaim = ({ sql }: WireMessage) => sql?.includes('holdfast:claim-void') ?? false;
  const isFinish = ({ sql }: WireMessage) => sql?.includes('holdfast:lease-lost') ?? false;
  const isCommit = ({ sql }: WireMessage) => /^(COMMIT|RELEASE)/.test(sql ?? '');
  const executed = (which: (message: WireMessage) => boolean) => (message: WireMessage) =>
    (message.type === 'E' || message.type === 'Q') && which(message);

  const actions: readonly (readonly [string, () => FaultAction])[] = [
    ['never arrives', () => cut('before')],
    ['arrives, and then nothing', () => cut('after')],
    ['is carried out, its answer lost', () => dropReply()],
    ['is answered with "result is ambiguous"', () => refuse('40003')],
    ['is carried out, and answered with "result is ambiguous"', () => misreport('40003')],
    ['is carried out, and answered as if it was canceled', () => misreport('57014')],
    ['is carried out, and answered with an internal error', () => misreport('XXUUU', 'context canceled')],
    [
      'is answered by a node that is cut off from its cluster',
      () => refuse('XXUUU', 'rpc error: code = Unavailable desc = node unavailable'),
    ],
    ['has a plan that went stale', () => refuse('0A000', 'cached plan must not change result type')],
  ];
  const strike = (which: (message: WireMessage) => boolean, action: FaultAction) =>
    proxy.inject({
      direction: 'to-server',
      at: action.kind === 'refuse' ? which : executed(which),
      action,
    });

  describe.each(actions)('a statement that %s', (_, action) => {
    test('a claim gives what it took, and holds nothing else', async () => {
      await using session = await start();
      const { buckets, ids } = await fresh(5);
      const struck = strike(isClaim, action());
      const works = await session.claim(claimJob.with({ buckets }), { wanted: 2 });
      expect(struck.strikes).toBe(1);
      expect(works.map(({ target }) => target)).toEqual(ids.slice(0, 2));
      expect(await heldBy(session)).toEqual(ids.slice(0, 2));
      for (const id of ids.slice(0, 2)) expect(await events(id)).toEqual(['started']);
      await session.finish(works, finishJob.with({ doneBy: 'me' }));
      expect(await heldBy(session)).toEqual([]);
    });

    test('a finish is carried out once', async () => {
      await using session = await start();
      const { buckets, ids } = await fresh(2);
      const works = await session.claim(claimJob.with({ buckets }), { wanted: 2 });
      const struck = strike(isFinish, action());
      await session.finish(works, finishJob.with({ doneBy: 'me' }));
      expect(struck.strikes).toBe(1);
      expect(works.every((work) => work.ended)).toBe(true);
      for (const id of ids) {
        expect(await doneBy(id)).toBe('me');
        expect(await events(id)).toEqual(['started', 'finished']);
      }
      expect(session.held).toEqual([]);
    });

    test('a finish and claim is carried out once, both parts', async () => {
      await using session = await start();
      const { buckets, ids } = await fresh(3);
      const works = await session.claim(claimJob.with({ buckets }));
      const struck = strike(cockroach && action().kind !== 'refuse' ? isCommit : isFinish, action());
      const next = await session.finish(works, finishJob.with({ doneBy: 'me' }), {
        claim: claimJob.with({ buckets }),
      });
      expect(struck.strikes).toBe(1);
      expect(next.map(({ target }) => target)).toEqual([ids[1]]);
      expect(await heldBy(session)).toEqual([ids[1]]);
      expect(await events(ids[0]!)).toEqual(['started', 'finished']);
      expect(await events(ids[1]!)).toEqual(['started']);
      expect(session.held).toEqual(next);
    });

    test('a finish and claim that finds nothing to claim still finishes once', async () => {
      await using session = await start();
      const { buckets, ids } = await fresh(1);
      const works = await session.claim(claimJob.with({ buckets }));
      strike(cockroach && action().kind !== 'refuse' ? isCommit : isFinish, action());
      const next = await session.finish(works, finishJob.with({ doneBy: 'me' }), {
        claim: claimJob.with({ buckets }),
      });
      expect(next).toEqual([]);
      expect(await events(ids[0]!)).toEqual(['started', 'finished']);
      expect(session.held).toEqual([]);
    });

    test('a finish of many with a body is carried out once, and gives its value', async () => {
      await using session = await start();
      const { buckets, ids } = await fresh(2);
      const works = await session.claim(claimJob.with({ buckets }), { wanted: 2 });
      const ambiguous = action().kind !== 'refuse';
      const struck = strike(ambiguous ? isCommit : isFinish, action());
      const value = await session.finish(works, async (tx) => {
        await finishJobs(tx, { jobIds: ids, doneBy: 'many' });
        return 42;
      });
      expect([struck.strikes, value]).toEqual([1, 42]);
      for (const id of ids) {
        expect(await doneBy(id)).toBe('many');
        expect(await events(id)).toEqual(['started', 'finished']);
      }
      expect(session.held).toEqual([]);
    });
  });

  /** Strikes at one message after another of claim, finish, claim, finish-and-claim, finish. */
  const sweep = async (direction: Direction, action: FaultAction) => {
    await using session = await start();
    let rounds = 0;
    for (let at = 1; ; at++) {
      expect(at).toBeLessThan(MOST_MESSAGES);
      const { buckets, ids } = await fresh(3);
      const fault = proxy.inject({ direction, at, action });
      const where = `${direction} message ${at}`;
      const done: Work[] = await session.claim(claimJob.with({ buckets }));
      await session.finish(done, finishJob.with({ doneBy: 'me' }));
      const second = await session.claim(claimJob.with({ buckets }));
      const third = await session.finish(second, finishJob.with({ doneBy: 'me' }), {
        claim: claimJob.with({ buckets }),
      });
      await session.finish(third, finishJob.with({ doneBy: 'me' }));
      fault.remove();
      rounds++;
      expect(
        [...done, ...second, ...third].map(({ target }) => target),
        where,
      ).toEqual(ids);
      for (const id of ids) expect(await events(id), where).toEqual(['started', 'finished']);
      expect(await heldBy(session), where).toEqual([]);
      if (fault.strikes === 0) return rounds;
    }
  };
  test.each<[string, Direction, () => FaultAction]>([
    ['cut before', 'to-server', () => cut('before')],
    ['cut after', 'to-server', () => cut('after')],
    ['cut before', 'to-client', () => cut('before')],
    ['cut after', 'to-client', () => cut('after')],
    ['dropped the reply to', 'to-server', () => dropReply()],
  ])(
    '%s every message %s: each job is claimed once, finished once, none is left held',
    async (_, way, action) => {
      expect(await sweep(way, action())).toBeGreaterThan(10);
    },
  );

  test('what the server cancels every time is told, once it is known that nothing was carried out', async () => {
    await using session = await start();
    const { buckets, ids } = await fresh(2);
    const always = (at: (message: WireMessage) => boolean) =>
      proxy.inject({ direction: 'to-server', at, action: refuse('57014'), times: Infinity });
    const claims = always(isClaim);
    await expect(session.claim(claimJob.with({ buckets }))).rejects.toMatchObject({ code: '57014' });
    claims.remove();
    expect(await heldBy(session)).toEqual([]);
    const works = await session.claim(claimJob.with({ buckets }));
    expect(works.map(({ target }) => target)).toEqual([ids[0]]);
    const finishes = always(isFinish);
    await expect(session.finish(works, finishJob.with({ doneBy: 'me' }))).rejects.toMatchObject({
      code: '57014',
    });
    await expect(
      session.finish(works, finishJob.with({ doneBy: 'me' }), { claim: claimJob.with({ buckets }) }),
    ).rejects.toMatchObject({ code: '57014' });
    // Also when the first answer was lost altogether.
    finishes.remove();
    strike(isFinish, cut('before')).struck.then(() => always(isFinish));
    await expect(session.finish(works, finishJob.with({ doneBy: 'me' }))).rejects.toMatchObject({
      code: '57014',
    });
    proxy.calm();
    expect([await events(ids[0]!), await heldBy(session), session.held]).toEqual([
      ['started'],
      [ids[0]],
      works,
    ]);
    await session.finish(works, finishJob.with({ doneBy: 'me' }));
    expect(await events(ids[0]!)).toEqual(['started', 'finished']);
  });

  test('a claim that comes late, after it was settled, takes nothing', async () => {
    await using session = await start();
    const { buckets, ids } = await fresh(3);
    const late = proxy.inject({ direction: 'to-server', at: isClaim, action: stall() });
    const claiming = session.claim(claimJob.with({ buckets }));
    const { connection } = await late.struck;
    proxy.cutAll('client');
    const [work] = await claiming;
    expect(work?.target).toBe(ids[0]);
    const refused = proxy.next(
      (m) => m.connection === connection && m.direction === 'to-client' && m.type === 'E',
    );
    late.release();
    expect((await refused).bytes.toString()).toContain('holdfast:claim-void');
    expect(await heldBy(session)).toEqual([ids[0]]);
    // Claims go on, with higher numbers.
    expect(
      (await session.claim(claimJob.with({ buckets }), { wanted: 5 })).map(({ target }) => target),
    ).toEqual(ids.slice(1));
  });

  test('a claim that still runs on the server when its connection is cut is waited for', async () => {
    await using session = await start();
    const { buckets, ids } = await fresh(1);
    const [first] = await session.claim(claimJob.with({ buckets }));
    await first!.cancel();
    // Somebody holds the row that it must write.
    const locked = Promise.withResolvers<void>();
    const letGo = Promise.withResolvers<void>();
    const holder = direct.transact(
      async (tx) => {
        await rows(
          tx,
          "SELECT token FROM holdfast.work WHERE target = $1 AND kind = 'job' FOR UPDATE",
          ids[0]!,
        );
        locked.resolve();
        await letGo.promise;
      },
      { maxRetries: 0 },
    );
    await locked.promise;
    const synced = proxy.next(({ direction, type }) => direction === 'to-server' && type === 'S');
    const claiming = session.claim(claimJob.with({ buckets }));
    claiming.catch(() => {});
    await synced;
    if (!cockroach) {
      const waits =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      await waitFor(async () => (await rows(direct, waits)).length > 0);
    }
    proxy.cutAll('client');
    letGo.resolve();
    await holder;
    const [work] = await claiming;
    expect(work?.target).toBe(ids[0]);
    expect(await heldBy(session)).toEqual([ids[0]]);
    const { rows: found } = await direct.execute({
      text: "SELECT token FROM holdfast.work WHERE target = $1 AND kind = 'job'",
      values: [ids[0]!],
    });
    expect(found).toEqual([[String(work!.token)]]);
  });

  test('settling one claim lets the others of the session through', async () => {
    await using session = await start();
    const { buckets, ids } = await fresh(12);
    strike(isClaim, dropReply());
    const claimed = (
      await Promise.all(
        Array.from({ length: 6 }, () => session.claim(claimJob.with({ buckets }), { wanted: 2 })),
      )
    ).flat();
    for (;;) {
      const rest = await session.claim(claimJob.with({ buckets }), { wanted: 12 });
      if (rest.length === 0) break;
      claimed.push(...rest);
    }
    expect(claimed.map(({ target }) => target).sort()).toEqual(ids);
    expect(await heldBy(session)).toEqual(ids);
  });

  test('a session that was evicted meanwhile gets no work from the claim whose answer was lost', async () => {
    const session = await start();
    const { buckets } = await fresh(1);
    const struck = strike(isClaim, dropReply());
    const claiming = session.claim(claimJob.with({ buckets }));
    claiming.catch(() => {});
    await struck.struck;
    await closeSessions(direct.guardedWithin(60_000), { sessionIds: [session.id] });
    const outcome = await claiming.catch((error: unknown) => error);
    // Settled before it was evicted, or not.
    if (Array.isArray(outcome))
      await expect((outcome[0] as Work).finish()).rejects.toThrow(SessionExpiredError);
    else expect(outcome).toBeInstanceOf(SessionExpiredError);
  });
});
