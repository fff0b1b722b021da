import { expect, test, vi } from 'vitest';
import { cut, dropReply, misreport, refuse, stall } from '../../src/testing/index.ts';
import { sql } from '../support/sql.ts';
import { add, cockroach, describeTransact, insert } from './fixture.ts';

describeTransact('commit markers', (t) => {
  const commitSql = cockroach ? /^RELEASE/ : /^COMMIT/;
  const atCommit = { direction: 'to-server', at: ({ sql: text = '' }) => commitSql.test(text) } as const;

  test('line 37: applied and the answer lost: the value is returned, without running again', async () => {
    t.proxy.inject({ ...atCommit, action: dropReply() });
    const calls: number[] = [];
    const hooks: string[] = [];
    const value = await t.db.transact(
      async (tx, { attempt }) => {
        calls.push(attempt);
        tx.onCommit(() => void hooks.push('commit'));
        tx.onRollback(() => void hooks.push('rollback'));
        await tx.execute(insert('m1'));
        return `value ${attempt}`;
      },
      { commitMarker: true },
    );
    expect([value, calls, hooks, await t.value('m1')]).toEqual(['value 1', [1], ['commit'], 1]);
  });

  test('line 37: the commit never arrived: it is run again', async () => {
    await t.direct.execute(insert('m2', 0));
    t.proxy.inject({ ...atCommit, action: cut('before') });
    const value = await t.db.transact(
      async (tx, { attempt }) => {
        await tx.execute(add('m2'));
        return attempt;
      },
      { commitMarker: true },
    );
    expect([value, await t.value('m2')]).toEqual([2, 1]);
  });

  test('line 37: the old transaction that still hangs on the server is kept from ever committing', async () => {
    await t.direct.execute(insert('m3', 0));
    // The whole message of the commit is on its way and held: neither the client nor the server knows.
    const held = t.proxy.inject({
      direction: 'to-server',
      at: ({ sql: text = '' }) => text.includes('commit_marker'),
      action: stall(),
    });
    const running = t.db.transact(
      async (tx, { attempt }) => {
        await tx.execute(attempt === 1 ? insert('m3-first') : add('m3'));
        return attempt;
      },
      { commitMarker: true },
    );
    await held.struck;
    // The client's side breaks; the server's stays, and gets the message only after the resolution.
    t.proxy.cutAll('client');
    const value = await running;
    held.release();
    expect(value).toBe(2);
    expect([await t.value('m3'), await t.value('m3-first')]).toEqual([1, undefined]);
    t.proxy.cutAll();
  });

  test('line 37: without a marker it is AmbiguousCommitError with the cause, unless idempotent', async () => {
    await t.direct.execute(insert('m4', 0));
    t.proxy.inject({ ...atCommit, action: dropReply() });
    await expect(t.db.transact((tx) => tx.execute(add('m4')), { name: 'pay' })).rejects.toMatchObject({
      code: 'HOLDFAST_AMBIGUOUS_COMMIT',
      message: expect.stringContaining('pay'),
      cause: { code: 'HOLDFAST_CONNECTION_LOST' },
    });
    expect(await t.value('m4')).toBe(1);
    t.proxy.inject({ ...atCommit, action: dropReply() });
    await t.db.transact((tx) => tx.execute(sql("UPDATE account SET n = 9 WHERE id = 'm4'")), {
      idempotent: true,
    });
    expect(await t.value('m4')).toBe(9);
  });

  test('line 37: idempotent, but out of retries, it may have been committed and says so', async () => {
    await t.direct.execute(insert('m5', 0));
    t.proxy.inject({ ...atCommit, action: dropReply() });
    const hooks: string[] = [];
    const spent = t.db.transact(
      (tx) => {
        tx.onRollback(() => void hooks.push('rollback'));
        return tx.execute(sql("UPDATE account SET n = 9 WHERE id = 'm5'"));
      },
      { idempotent: true, maxRetries: 0 },
    );
    await expect(spent).rejects.toMatchObject({ code: 'HOLDFAST_AMBIGUOUS_COMMIT' });
    expect([await t.value('m5'), hooks]).toEqual([9, []]);
  });

  // CockroachDB v22.1 was seen to answer commits that it had applied with 40003, XXUUU and, in one statement, 57014.
  test.each(['40003', '57014', '08006', '58C01', 'XXUUU', 'XX000'])(
    'line 37: a commit that is answered with %s may have been applied: its marker tells, and without one it is ambiguous',
    async (code) => {
      await t.direct.execute(insert('m7', 0));
      const calls: number[] = [];
      const once = async (id: string) =>
        t.db.transact(
          async (tx, { attempt }) => {
            calls.push(attempt);
            await tx.execute(add(id));
            return 'value';
          },
          { commitMarker: true },
        );
      t.proxy.inject({ ...atCommit, action: misreport(code) });
      expect([await once('m7'), calls, await t.value('m7')]).toEqual(['value', [1], 1]);

      t.proxy.inject({ ...atCommit, action: refuse(code) });
      const told = await once('m7').catch((error: unknown) => error);
      if (code === '40003') expect(told).toBe('value');
      else expect(told).toMatchObject({ code });
      expect(await t.value('m7')).toBe(code === '40003' ? 2 : 1);

      t.proxy.inject({ ...atCommit, action: misreport(code) });
      await expect(t.db.transact((tx) => tx.execute(insert('m7-once')))).rejects.toMatchObject({
        code: 'HOLDFAST_AMBIGUOUS_COMMIT',
        cause: { code },
      });
      expect(await t.value('m7-once')).toBe(1);
    },
  );

  test('line 37: idempotent, a commit that is answered with an internal error is run again', async () => {
    await t.direct.execute(insert('m8', 0));
    t.proxy.inject({ ...atCommit, action: refuse('XXUUU') });
    const set = sql("UPDATE account SET n = 9 WHERE id = 'm8'");
    await t.db.transact((tx) => tx.execute(set), { idempotent: true });
    expect(await t.value('m8')).toBe(9);
  });

  test('line 37: a read-only transaction is never ambiguous', async () => {
    t.proxy.inject({ ...atCommit, action: dropReply() });
    const attempts: number[] = [];
    await t.db.transact(
      async (tx, { attempt }) => {
        attempts.push(attempt);
        await tx.execute(sql('SELECT 1 AS one'));
      },
      { readOnly: true },
    );
    expect(attempts).toEqual([1, 2]);
    // Out of retries it is a plain failure: there is nothing that could have been applied.
    t.proxy.inject({ ...atCommit, action: dropReply() });
    await expect(
      t.db.transact((tx) => tx.execute(sql('SELECT 1 AS one')), { readOnly: true, maxRetries: 0 }),
    ).rejects.toMatchObject({
      code: 'HOLDFAST_RETRIES_EXHAUSTED',
      cause: { code: 'HOLDFAST_CONNECTION_LOST' },
    });
  });

  test('line 37: markers of transactions whose outcome is known are deleted', async () => {
    const db = await t.open();
    const markers = async () =>
      (await t.direct.execute(sql('SELECT marker_id FROM holdfast.commit_marker'))).rows.map(([id]) => id);
    // Those of other handles may be deleted meanwhile.
    const before = await markers();
    for (let i = 0; i < 3; i++)
      await db.transact((tx) => tx.execute(insert(`gc-${i}`)), { commitMarker: true });
    const mine = (await markers()).filter((id) => !before.includes(id));
    expect(mine).toHaveLength(3);
    // Many at a time, off the path of any transaction; at the latest when the handle is closed.
    await db.close();
    const left = await markers();
    expect(mine.filter((id) => left.includes(id))).toEqual([]);
  });

  test('line 37: while its session lives the marker is asked for as long as it takes, otherwise half a minute', async () => {
    const begin = async (run: () => Promise<unknown>) => {
      t.proxy.inject({ ...atCommit, action: dropReply() });
      const asked = t.proxy.inject({
        direction: 'to-server',
        at: ({ sql: text = '' }) => text.includes('COALESCE'),
        action: refuse('58C00'),
        times: 3,
      });
      // As if the server had not been able to answer for so long.
      const now = performance.now.bind(performance);
      const clock = vi.spyOn(performance, 'now');
      void asked.struck.then(() => clock.mockImplementation(() => now() + 40_000));
      try {
        return await run();
      } finally {
        clock.mockRestore();
        t.proxy.calm();
      }
    };
    await using session = await t.db.startSession({ component: 'test', intervalMs: 600_000 });
    const fenced = begin(() =>
      session.transact((tx) => tx.execute(insert('m9')).then(() => 'value'), { commitMarker: true }),
    );
    expect(await fenced).toBe('value');
    const unfenced = begin(() => t.db.transact((tx) => tx.execute(insert('m10')), { commitMarker: true }));
    await expect(unfenced).rejects.toMatchObject({ code: 'HOLDFAST_AMBIGUOUS_COMMIT' });
  });

  test('line 37: a marker that cannot be read before the deadline is ambiguous, and says so', async () => {
    t.proxy.inject({ ...atCommit, action: dropReply() });
    t.proxy.inject({
      direction: 'to-server',
      at: ({ sql: text = '' }) => text.includes('COALESCE'),
      action: stall(),
      times: Infinity,
    });
    const failing = t.db.transact((tx) => tx.execute(insert('m6')), { commitMarker: true, deadlineMs: 500 });
    await expect(failing).rejects.toMatchObject({
      code: 'HOLDFAST_AMBIGUOUS_COMMIT',
      message: expect.stringContaining('marker'),
    });
  });
});
