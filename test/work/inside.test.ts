import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { claimJob, finishJob } from '../../examples/queue/generated/job.ts';
import {
  AmbiguousCommitError,
  connect,
  type Database,
  LeaseLostError,
  type Session,
  type Work,
} from '../../src/index.ts';
import { workHistory } from '../../src/queries/work.ts';
import {
  cut,
  dropReply,
  type FaultAction,
  type FaultProxy,
  startFaultProxy,
} from '../../src/testing/index.ts';
import { addJobs, createQueue } from '../claim/support.ts';
import { claimMany, claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';

// Work that is ended inside of an outer transaction ends with that one, or not at all; its handle follows.
describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let proxy: FaultProxy;
  let db: Database;
  let session: Session;
  let works: Work[];
  let count = 0;
  beforeAll(async () => {
    const database = await createTestDatabase();
    proxy = await startFaultProxy({ url: database.url });
    db = await connect({ url: proxy.url, driver, tls: { mode: 'disable' } });
    await createQueue(db);
    session = await db.startSession({ component: 'test', intervalMs: 60_000 });
  });
  afterAll(async () => {
    await db?.close();
    await proxy?.close();
  });
  beforeEach(async () => {
    const targets = [`target-${++count}`, `target-${++count}`];
    works = await claimMany(session, 'inside', 2, () => targets);
  });

  const events = async ({ target }: Work) => (await workHistory(db, { target })).map(({ event }) => event);
  const isHeld = async ({ target }: Work) => {
    const [row] = await rows(db, 'SELECT holder FROM holdfast.work WHERE target = $1', target);
    return row![0] === session.id;
  };
  /** Strikes the commit of a transaction that has ended work, and no other's. */
  const loseCommit = (action: FaultAction) => {
    let ending: number | undefined;
    proxy.inject({
      direction: 'to-server',
      at: ({ sql, connection }) => {
        if (sql?.includes('holdfast:lease-lost')) ending = connection;
        return connection === ending && /^(COMMIT|RELEASE SAVEPOINT cockroach)/.test(sql ?? '');
      },
      action,
    });
  };
  const ends: readonly (readonly [string, (works: Work[]) => Promise<unknown>])[] = [
    ['finish', ([work]) => work!.finish()],
    ['fail', ([work]) => work!.fail('cause')],
    ['cancel', ([work]) => work!.cancel()],
    ['finishMany', (all) => session.finish(all)],
  ];
  const others = ends.slice(0, 3);

  describe.each(ends)('%s', (name, end) => {
    const did = { finish: 'finished', fail: 'failed', cancel: 'canceled', finishMany: 'finished' }[name]!;

    test('in a part that is rolled back alone leaves the work held, for any end', async () => {
      for (const [, other] of others) {
        const [work] = await claimMany(session, 'part', 1, () => [`part-${++count}`]);
        await db.transact(async (tx) => {
          const part = tx.transact(async () => {
            await end([work!]);
            throw new Error('part');
          });
          await expect(part).rejects.toThrow('part');
          expect(work!.ended).toBe(false);
        });
        expect([work!.ended, session.held.includes(work!), await isHeld(work!)]).toEqual([false, true, true]);
        await other([work!]);
        expect([work!.ended, session.held.includes(work!), await isHeld(work!)]).toEqual([
          true,
          false,
          false,
        ]);
      }
    });

    test('in a transaction that is rolled back leaves the work held', async () => {
      const whole = db.transact(async () => {
        await end(works);
        throw new Error('whole');
      });
      await expect(whole).rejects.toThrow('whole');
      expect([works[0]!.ended, await isHeld(works[0]!)]).toEqual([false, true]);
      await end(works);
      expect([works[0]!.ended, await isHeld(works[0]!)]).toEqual([true, false]);
      expect(await events(works[0]!)).toEqual(['started', did]);
    });

    test('ends with the outer transaction, not before', async () => {
      await db.transact(async () => {
        await end(works);
        expect(works[0]!.ended).toBe(false);
        await expect(works[0]!.finish()).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
      });
      expect([works[0]!.ended, session.held.includes(works[0]!)]).toEqual([true, false]);
      expect(await events(works[0]!)).toEqual(['started', did]);
    });

    const lose = async (applied: boolean) => {
      loseCommit(applied ? dropReply() : cut('before'));
      await expect(db.transact(() => end(works))).rejects.toThrow(AmbiguousCommitError);
      expect(await isHeld(works[0]!)).toBe(!applied);
      expect(works[0]!.ended).toBe(false);
    };

    test.each([true, false])(
      'whose outer commit lost its answer can be done again, and happens once (applied: %s)',
      async (applied) => {
        await lose(applied);
        await end(works);
        expect([works[0]!.ended, await isHeld(works[0]!)]).toEqual([true, false]);
        expect(works[0]!.signal.aborted).toBe(false);
        expect(session.held).not.toContain(works[0]);
        expect(await events(works[0]!)).toEqual(['started', did]);
      },
    );

    test('whose outer commit lost its answer and was applied: the handle learns it from another end', async () => {
      await lose(true);
      // To cancel what has ended is no mistake, so `await using` may.
      await works[0]!.cancel();
      expect([works[0]!.ended, session.held.includes(works[0]!)]).toEqual([true, false]);
      await expect(works[0]!.fail('late')).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
      expect(await events(works[0]!)).toEqual(['started', did]);
    });
  });

  const alone: readonly (readonly [string, (works: Work[]) => Promise<unknown>])[] = [
    ['work', () => claimOne(session, 'alone', () => ['alone'])],
    ['workMany', () => claimMany(session, 'alone', 1, () => ['alone'])],
    ['claim', () => session.claim(claimJob.with({ buckets: [7n] }))],
    ['finish', (jobs) => session.finish(jobs, finishJob.with({ doneBy: 'me' }))],
    [
      'finishAndClaim',
      (jobs) =>
        session.finish(jobs, finishJob.with({ doneBy: 'me' }), { claim: claimJob.with({ buckets: [7n] }) }),
    ],
  ];
  test.each(alone)(
    'session.%s inside of a transaction of the handle is refused, whatever its options: it commits by itself',
    async (_, act) => {
      await rows(db, 'DELETE FROM job WHERE true');
      await addJobs(db, 2, 7n);
      const jobs = await session.claim(claimJob.with({ buckets: [7n] }));
      const held = session.held.length;
      const refused = () =>
        expect(act(jobs)).rejects.toMatchObject({
          code: 'HOLDFAST_NESTED_OPTIONS',
          message: expect.stringContaining('a transaction of its own'),
        });
      await session.transact(refused, { commitMarker: true });
      await db.transact(() => session.transact(refused));
      await db.transact(refused, { readOnly: true });
      expect([session.held.length, jobs[0]!.ended]).toEqual([held, false]);
      expect(
        await rows(db, "SELECT 1 FROM holdfast.work WHERE kind = 'alone' AND holder IS NOT NULL"),
      ).toEqual([]);
      // A hook runs outside of it.
      await db.transact(async (tx) => {
        tx.onCommit(async () => {
          await session.finish(jobs, finishJob.with({ doneBy: 'me' }));
        });
      });
      expect(jobs[0]!.ended).toBe(true);
    },
  );

  test('an end that finds the work ended otherwise, by an answer that was lost, is refused and changes nothing', async () => {
    loseCommit(dropReply());
    await expect(db.transact(() => works[0]!.finish())).rejects.toThrow(AmbiguousCommitError);
    await expect(works[0]!.fail('late')).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
    expect([works[0]!.ended, works[0]!.signal.aborted]).toEqual([true, false]);
    expect(await events(works[0]!)).toEqual(['started', 'finished']);
  });

  test('a finishMany that finds a lease lost inside of a transaction asks in there, and loses that one alone', async () => {
    const [lost, kept] = works as [Work, Work];
    await rows(db, 'UPDATE holdfast.work SET token = token + 1 WHERE target = $1', lost.target);
    await db.transact(async () => {
      await expect(session.finish(works)).rejects.toThrow(LeaseLostError);
      await kept.finish();
    });
    expect([lost.signal.aborted, lost.ended]).toEqual([true, false]);
    expect([kept.signal.aborted, kept.ended]).toEqual([false, true]);
  });

  test('`await using` frees work whose end was rolled back with its part', async () => {
    let target: string;
    {
      await using work = (await claimOne(session, 'disposed', () => [`disposed-${driver}`]))!;
      target = work.target;
      await db.transact(async (tx) => {
        const part = tx.transact(async () => {
          await work.finish();
          throw new Error('part');
        });
        await part.catch(() => {});
      });
    }
    const history = await workHistory(db, { target });
    expect(history.map(({ event }) => event)).toEqual(['started', 'canceled']);
  });
});
