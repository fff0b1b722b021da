import { expect, test } from 'vitest';
import { SessionExpiredError } from '../../src/errors/index.ts';
import { closeSessions, heartbeat } from '../../src/queries/sessions.ts';
import { waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { cockroach, describeTransact, insert, read } from './fixture.ts';

describeTransact('liveness', (t) => {
  const takeOver = (sessionId: string) => closeSessions(t.direct.guarded, { sessionIds: [sessionId] });

  test('line 33: the check runs in every attempt, in the same transaction, before anything is acted on', async () => {
    await using session = await t.db.startSession({ component: 'l33' });
    t.fail(/INSERT/, '40001', 2);
    const sent = await t.sent(() => session.transact((tx) => tx.execute(insert('l33'))));
    const inserts = sent.flatMap((text, i) => (text.startsWith('INSERT') ? [i] : []));
    expect(inserts).toHaveLength(3);
    for (const i of inserts) expect(sent[i - 1]).toContain('holdfast:session-expired');
  });

  test('line 33: a dead session is SessionExpiredError, rolled back, never retried', async () => {
    await using session = await t.db.startSession({ component: 'l33b' });
    await takeOver(session.id);
    let calls = 0;
    const failing = session.transact(async (tx) => {
      calls++;
      await tx.execute(insert('l33b'));
    });
    await expect(failing).rejects.toThrow(SessionExpiredError);
    expect(calls).toBe(1);
    expect(await t.value('l33b')).toBeUndefined();
    expect(session.expired).toBe(true);
    await expect(session.transact(async () => {})).rejects.toThrow(SessionExpiredError);
  });

  test('line 34: a transaction of a session that is taken over meanwhile never commits', async () => {
    await using session = await t.db.startSession({ component: 'l34' });
    let calls = 0;
    const failing = session.transact(async (tx) => {
      calls++;
      await tx.execute(read('other'));
      await takeOver(session.id);
      // Whoever took over has looked, and found nothing: from now on nothing of the dead may appear there.
      expect(await t.value('l34')).toBeUndefined();
      await tx.execute(insert('l34'));
    });
    await expect(failing).rejects.toThrow(SessionExpiredError);
    expect(await t.value('l34')).toBeUndefined();
    expect(calls).toBeLessThanOrEqual(2);
  });

  test('line 34: a blind write beside the take-over: refused on PostgreSQL, before it in the serial order on CockroachDB', async () => {
    await using session = await t.db.startSession({ component: 'l34b' });
    let taken: Promise<unknown> = Promise.resolve();
    const outcome = await session
      .transact(async (tx) => {
        await tx.execute(insert('l34b'));
        await takeOver(session.id);
        // Begun before the commit: it waits for the write, or pushes it behind the take-over, which ends it.
        taken = t.value('l34b');
      })
      .then(
        () => 'committed',
        (error: unknown) => error,
      );
    const seenByTaker = await taken;
    if (outcome !== 'committed') expect(outcome).toBeInstanceOf(SessionExpiredError);
    if (!cockroach) expect(outcome).toBeInstanceOf(SessionExpiredError);
    else expect(seenByTaker).toBe(outcome === 'committed' ? 1 : undefined);
    expect(await t.value('l34b')).toBe(outcome === 'committed' ? 1 : undefined);
  });

  test('line 34: so under READ COMMITTED, which is sealed by the row lock on both engines', async () => {
    await using session = await t.db.startSession({ component: 'l34rc' });
    const sent = await t.sent(() =>
      expect(
        session.transact(
          async (tx) => {
            await tx.execute(read('other'));
            await takeOver(session.id);
            expect(await t.value('l34rc')).toBeUndefined();
            await tx.execute(insert('l34rc'));
          },
          { isolation: 'read committed' },
        ),
      ).rejects.toThrow(SessionExpiredError),
    );
    expect(await t.value('l34rc')).toBeUndefined();
    expect(sent.some((text) => text.includes('FOR KEY SHARE'))).toBe(true);
  });

  test('line 34: a take-over waits for a commit that is already sealed', async () => {
    await using session = await t.db.startSession({ component: 'l34w' });
    await Promise.allSettled([
      session.transact((tx) => tx.execute(insert('l34w'))),
      takeOver(session.id),
      session.transact((tx) => tx.execute(insert('l34x'))),
    ]);
    // Whatever the order was: a row is there only if its transaction committed before the take-over.
    await expect(session.transact((tx) => tx.execute(insert('l34y')))).rejects.toThrow(SessionExpiredError);
    expect(await t.value('l34y')).toBeUndefined();
  });

  test('line 35: fifty open transactions through a hundred heartbeats need no retry', async () => {
    const db = await t.open({ pool: { max: 50 } });
    await using session = await db.startSession({ component: 'l35', intervalMs: 60_000 });
    let attempts = 0;
    let open = 0;
    let beaten = () => {};
    const beats = new Promise<void>((resolve) => {
      beaten = resolve;
    });
    const transactions = Array.from({ length: 50 }, (_, i) =>
      session.transact(async (tx) => {
        attempts++;
        await tx.execute(insert(`l35-${i}`));
        open++;
        await beats;
      }),
    );
    await waitFor(() => open === 50);
    for (let beat = 0; beat < 100; beat++)
      expect(await heartbeat(t.direct.guarded, { sessionIds: [session.id] })).toHaveLength(1);
    beaten();
    await Promise.all(transactions);
    expect(attempts).toBe(50);
    expect((await t.direct.execute(sql("SELECT count(*) FROM account WHERE id LIKE 'l35%'"))).rows).toEqual([
      ['50'],
    ]);
  });

  test('line 36: a fenced transaction of one statement is two round trips, on its first run and prepared', async () => {
    const db = await t.open({ pool: { max: 1 } });
    await using session = await db.startSession({ component: 'l36', intervalMs: 60_000 });
    for (const run of ['first', 'prepared', 'prepared again']) {
      const once = await t.proxy.measure(() => session.transact((tx) => tx.execute(read('l36'))));
      expect(once.roundTrips, run).toBe(2);
    }
    const unfenced = await t.proxy.measure(() => db.transact((tx) => tx.execute(read('l36'))));
    expect(unfenced.roundTrips).toBe(2);
    const marked = await t.proxy.measure(() =>
      session.transact((tx) => tx.execute(read('l36')), { commitMarker: true }),
    );
    expect(marked.roundTrips).toBe(2);
    const statements = cockroach ? 5 : 5;
    expect((await t.proxy.measure(() => session.transact((tx) => tx.execute(read('l36'))))).statements).toBe(
      statements,
    );
  });
});
