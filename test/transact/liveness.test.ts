import { expect, test } from 'vitest';
import { SessionExpiredError } from '../../src/base/index.ts';
import { closeSessions, heartbeat } from '../../src/queries/sessions.ts';
import { FakeClock, stall } from '../../src/testing/index.ts';
import { DRIVERS, waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { cockroach, describeTransact, insert, isStatement, read } from './fixture.ts';

describeTransact(
  'liveness',
  (t) => {
    const takeOver = (sessionId: string) =>
      closeSessions(t.direct.guardedWithin(60_000), { sessionIds: [sessionId] });

    /** Changes with every write of the session's row in that table, by whatever transaction. */
    const version = async (table: string, sessionId: string) => {
      const written = cockroach ? 'crdb_internal_mvcc_timestamp' : 'xmin';
      const { rows } = await t.direct.execute(
        sql(`SELECT ${written}::TEXT FROM holdfast.${table} WHERE session_id = $1`, sessionId),
      );
      return rows[0]![0]!;
    };

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

    test('line 33: a dead session’s part tells of that session alone; the outer one’s is alive and stays so', async () => {
      await using outer = await t.db.startSession({ component: 'l33outer', intervalMs: 60_000 });
      const inner = await t.db.startSession({ component: 'l33inner', intervalMs: 60_000 });
      const late = await t.db.startSession({ component: 'l33late', intervalMs: 60_000 });
      await takeOver(inner.id);
      const dead = outer.transact(() => inner.transact((tx) => tx.execute(insert('l33n'))));
      await expect(dead).rejects.toMatchObject({ code: 'HOLDFAST_SESSION_EXPIRED', sessionId: inner.id });
      expect([outer.expired, inner.expired]).toEqual([false, true]);
      // What its statement at the commit says is told of it alone, too.
      const dying = outer.transact(async () => {
        await late.transact((tx) => tx.execute(read('other')));
        await takeOver(late.id);
        expect(await t.value('l33n')).toBeUndefined();
        await t.db.transact((tx) => tx.execute(insert('l33n')));
      });
      await expect(dying).rejects.toMatchObject({ code: 'HOLDFAST_SESSION_EXPIRED', sessionId: late.id });
      expect([outer.expired, late.expired]).toEqual([false, true]);
      expect(await t.value('l33n')).toBeUndefined();
      await outer.transact((tx) => tx.execute(insert('l33o')));
      expect(await t.value('l33o')).toBe(1);
    });

    test('line 33: a value that reads like the refusal is a value: the session lives on', async () => {
      await using session = await t.db.startSession({ component: 'l33v', intervalMs: 60_000 });
      const forged = sql('SELECT CAST($1::TEXT AS INT8)', 'holdfast:session-expired');
      for (const run of [
        () => session.transact((tx) => tx.execute(forged)),
        () => session.execute(forged),
        () => t.db.transact(() => session.transact((tx) => tx.execute(forged))),
      ])
        await expect(run()).rejects.toMatchObject({ code: '22P02' });
      expect(session.expired).toBe(false);
      await session.transact((tx) => tx.execute(insert('l33v')));
      expect(await t.value('l33v')).toBe(1);
    });

    test('line 34: a transaction of a session that is taken over meanwhile never commits', async () => {
      await using session = await t.db.startSession({ component: 'l34' });
      let calls = 0;
      const failing = session.transact(async (tx) => {
        calls++;
        await tx.execute(read('other'));
        await takeOver(session.id);
        // The one that took over has looked, and found nothing: from now on nothing of the dead may appear there.
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

    // CockroachDB needs no seal: there a take-over beside a commit is settled by the serial order.
    test.skipIf(cockroach)('line 34: a take-over waits for a commit that is already sealed', async () => {
      await using session = await t.db.startSession({ component: 'l34w', intervalMs: 60_000 });
      const held = t.proxy.inject({
        direction: 'to-server',
        at: ({ sql: text }) => text === 'COMMIT',
        action: stall(),
      });
      let sealed: Promise<unknown> = Promise.resolve();
      const committing = session.transact(async (tx) => {
        await tx.execute(insert('l34w'));
        // The only statement that is still to come is the seal.
        sealed = t.proxy.next(({ tag }) => tag?.startsWith('SELECT') ?? false);
        return 'committed';
      });
      committing.catch(() => {});
      await held.struck;
      await sealed;
      let isTaken = false;
      const taken = takeOver(session.id).then(() => {
        isTaken = true;
      });
      const waiting = sql(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      await waitFor(async () => (await t.direct.execute(waiting)).rows.length === 1);
      expect([isTaken, await t.value('l34w')]).toEqual([false, undefined]);
      held.release();
      expect(await committing).toBe('committed');
      await taken;
      expect(await t.value('l34w')).toBe(1);
      await expect(session.transact((tx) => tx.execute(insert('l34y')))).rejects.toThrow(SessionExpiredError);
      expect(await t.value('l34y')).toBeUndefined();
    });

    test('line 34: beside a take-over a row is there only if its transaction says that it committed', async () => {
      await using session = await t.db.startSession({ component: 'l34z', intervalMs: 60_000 });
      const ids = ['l34z-1', 'l34z-2', 'l34z-3'];
      const [taken, ...outcomes] = await Promise.allSettled([
        takeOver(session.id),
        ...ids.map((id) => session.transact((tx) => tx.execute(insert(id)))),
      ]);
      expect(taken.status).toBe('fulfilled');
      for (const [i, outcome] of outcomes.entries()) {
        expect(await t.value(ids[i]!)).toBe(outcome.status === 'fulfilled' ? 1 : undefined);
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(SessionExpiredError);
      }
    });

    test('line 35: fifty open transactions through a hundred beats of the session’s own heartbeats need no retry', async () => {
      // Connections that this clock makes too old would be closed.
      const maxLifetimeMs = 86_400_000;
      const db = await t.open({ pool: { max: 50, maxLifetimeMs } });
      const other = await t.open({ pool: { maxLifetimeMs } });
      // Heartbeats go by this clock, which is moved on only while none is under way. The server counts real time: it
      // ends a transaction that waits an interval for its next statement, so that is longer than a busy host needs here.
      using clock = new FakeClock();
      /** Timers without delay fire, as postgres.js has them when it connects; the time stays. */
      const settled = async <T>(promise: Promise<T>): Promise<T> => {
        let done = false;
        promise.finally(() => (done = true)).catch(() => {});
        while (!done) {
          await new Promise((resolve) => setImmediate(resolve));
          await clock.advance(0);
        }
        return promise;
      };
      await using session = await settled(db.startSession({ component: 'l35', intervalMs: 60_000 }));
      let attempts = 0;
      let open = 0;
      let allOpen = () => {};
      const opened = new Promise<void>((resolve) => {
        allOpen = resolve;
      });
      let end = () => {};
      const enough = new Promise<void>((resolve) => {
        end = resolve;
      });
      const transactions = Array.from({ length: 50 }, (_, i) =>
        session.transact(async (tx) => {
          attempts++;
          await tx.execute(insert(`l35-${i}`));
          if (++open === 50) allOpen();
          await enough;
          // Not an update, for which PostgreSQL may scan the table and then count the transactions as each other's conflict.
          await tx.execute(insert(`l35-${i}-end`));
        }),
      );
      await settled(opened);
      const versions = () =>
        Promise.all(['session', 'session_deadline'].map((table) => version(table, session.id)));
      const [sessionBefore, deadlineBefore] = await settled(versions());

      let beats = 0;
      let isBeaten = false;
      let answered = () => {};
      const beating = new Set<number>();
      const stop = t.proxy.watch((message) => {
        if (isStatement(message) && message.sql === heartbeat.definition.text)
          beating.add(message.connection);
        if (!beating.has(message.connection)) return;
        if (message.tag?.startsWith('UPDATE')) isBeaten = true;
        // On PostgreSQL its COMMIT is answered some time after it.
        if (!isBeaten || message.type !== 'Z' || message.status !== 'I') return;
        isBeaten = false;
        beats++;
        answered();
      });
      for (let beat = 1; beat <= 100; beat++) {
        const beaten = new Promise<void>((resolve) => {
          answered = resolve;
        });
        await clock.advance(session.intervalMs / 2 + 1);
        await settled(beaten);
        // The answer is on its way; one that is asked for later comes later.
        await settled(other.execute(sql('SELECT 1')));
      }
      expect(beats).toBe(100);
      stop();
      expect(session.expired).toBe(false);
      expect([open, attempts]).toEqual([50, 50]);
      const [sessionAfter, deadlineAfter] = await settled(versions());
      end();
      await Promise.all(transactions);
      expect(attempts).toBe(50);
      // What the fences read is not written, whether or not an engine would take it for a conflict.
      expect(sessionAfter).toBe(sessionBefore);
      expect(deadlineAfter).not.toBe(deadlineBefore);
      const { rows } = await t.direct.execute(sql("SELECT count(*) FROM account WHERE id LIKE 'l35%'"));
      expect(rows).toEqual([['100']]);
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
      // BEGIN, fence, statement, then seal (PostgreSQL) or RELEASE (CockroachDB), COMMIT.
      const once = await t.proxy.measure(() => session.transact((tx) => tx.execute(read('l36'))));
      expect(once.statements).toBe(5);
    });
  },
  DRIVERS,
);
