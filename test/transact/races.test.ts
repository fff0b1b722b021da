import { expect, test } from 'vitest';
import { AmbiguousCommitError, DeadlineExceededError, PoolTimeoutError } from '../../src/base/index.ts';
import { seededRandom, waitFor } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';
import { add, describeTransact, failing, insert, read } from './fixture.ts';

describeTransact('races', (t) => {
  test('deadlines, aborts, retries, errors and nested calls at once: every outcome is true, the innocent succeed, nothing leaks', async () => {
    const random = seededRandom(`races on ${t.driver}`);
    const db = await t.open({ pool: { max: 4, acquireTimeoutMs: 60_000 } });
    const mine = new Error('mine');
    const reason = new Error('aborted');
    type Kind = 'innocent' | 'deadline' | 'abort' | 'throw' | 'part';
    const one = async (n: number) => {
      const kind = random.pick<Kind>(['innocent', 'innocent', 'deadline', 'abort', 'throw', 'part']);
      const id = `race-${n}`;
      const controller = new AbortController();
      const when = random.integer(0, 25);
      const steps = random.integer(1, 4);
      const struck = random.next() < 0.2;
      const timer = kind === 'abort' ? setTimeout(() => controller.abort(reason), when) : undefined;
      const running = db.transact(
        async (tx, { attempt }) => {
          await tx.execute(insert(id));
          if (struck && attempt === 1) throw Object.assign(new Error('again'), { code: '40001' });
          for (let step = 0; step < steps; step++) {
            await tx
              .transact(async (part) => {
                await part.execute(add(id));
                if (kind === 'part') throw mine;
              })
              .catch((error: unknown) => {
                if (error !== mine) throw error;
              });
            await tx.execute(sql('SELECT pg_sleep(0.002)'));
          }
          if (kind === 'throw') throw mine;
        },
        {
          name: kind,
          signal: controller.signal,
          ...(kind === 'deadline' ? { deadlineMs: Math.max(1, when) } : {}),
        },
      );
      const outcome = await running.then(
        () => 'committed',
        (error: unknown) => error,
      );
      clearTimeout(timer);
      const expected = kind === 'part' ? 1 : 1 + steps;
      return { id, kind, outcome, expected };
    };
    const all = await Promise.all(Array.from({ length: 150 }, (_, n) => one(n)));
    for (const { id, kind, outcome, expected } of all) {
      const n = await t.value(id);
      const what = `${id}, ${kind}: ${outcome}`;
      if (outcome === 'committed') expect(n, what).toBe(expected);
      else if (outcome instanceof AmbiguousCommitError) expect([undefined, expected], what).toContain(n);
      else expect(n, what).toBeUndefined();
      if (kind === 'innocent' || kind === 'part') expect(outcome, what).toBe('committed');
      if (kind === 'throw') expect(outcome, what).toBe(mine);
      if (kind === 'abort') expect(['committed', reason], what).toContain(outcome);
      if (kind === 'deadline' && outcome !== 'committed')
        expect(
          [DeadlineExceededError, PoolTimeoutError, AmbiguousCommitError].some(
            (type) => outcome instanceof type,
          ),
          what,
        ).toBe(true);
    }
    await waitFor(() => db.stats.opening === 0);
    expect(db.stats).toMatchObject({ busy: 0, waiting: 0 });
    expect((await db.execute(read('race-0'))).columns).toHaveLength(1);
  });

  test('a hundred nested calls started together on a pool of one', async () => {
    const db = await t.open({ pool: { max: 1, acquireTimeoutMs: 2_000 } });
    await t.direct.execute(insert('together', 0));
    t.proxy.inject(failing(/^UPDATE/, '40001', 2));
    await db.transact(async (tx) => {
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          [tx.transact.bind(tx), db.transact.bind(db)][i % 2]!((part) => part.execute(add('together'))),
        ),
      );
    });
    expect(await t.value('together')).toBe(100);
    expect(db.stats).toMatchObject({ busy: 0, waiting: 0 });
  });

  test('a signal that is aborted already reaches nothing: transact, one round trip, batch, nested', async () => {
    const db = await t.open({ pool: { max: 1 } });
    await using session = await db.startSession({ component: 'races', intervalMs: 3_600_000 });
    const reason = new Error('never');
    const options = { signal: AbortSignal.abort(reason) };
    const sent = await t.sent(async () => {
      await expect(session.transact((tx) => tx.execute(insert('never')), options)).rejects.toBe(reason);
      await expect(session.execute(insert('never'), options)).rejects.toBe(reason);
    });
    expect(sent).toEqual([]);
    await db.transact(async (tx) => {
      const part = tx.transact((inner) => inner.execute(insert('never')), options);
      await expect(part).rejects.toBe(reason);
      await tx.execute(insert('kept'));
    });
    expect(await rows(t.direct, 'SELECT id FROM account')).toEqual([['kept']]);
  });

  test('a nested call’s own signal and deadline end that part alone', async () => {
    const controller = new AbortController();
    const reason = new Error('not this part');
    await t.db.transact(async (tx) => {
      const part = tx.transact(
        async (inner) => {
          await inner.execute(insert('part-1'));
          controller.abort(reason);
          await inner.execute(insert('part-2'));
        },
        { signal: controller.signal },
      );
      await expect(part).rejects.toBe(reason);
      const late = tx.transact(
        async (inner) => {
          await inner.execute(insert('part-3'));
          await waitFor(() => inner.signal.aborted);
          await inner.execute(insert('part-4'));
        },
        { deadlineMs: 20 },
      );
      await expect(late).rejects.toThrow(DeadlineExceededError);
      await tx.execute(insert('whole'));
    });
    expect(await rows(t.direct, 'SELECT id FROM account')).toEqual([['whole']]);
  });
});
