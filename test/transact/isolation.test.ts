import { expect, test } from 'vitest';
import { SessionExpiredError } from '../../src/base/index.ts';
import { waitFor } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';
import { cockroach, describeTransact, insert, read } from './fixture.ts';

describeTransact('isolation', (t) => {
  test('line 31: SERIALIZABLE is asked for explicitly, READ COMMITTED by option with the same loop', async () => {
    const isolation = async (options?: object) => {
      const [row] = await t.db.transact((tx) => rows(tx, 'SHOW transaction_isolation'), options);
      return row![0];
    };
    expect(await isolation()).toBe('serializable');
    // CockroachDB before v23.2 silently upgrades it.
    expect(await isolation({ isolation: 'read committed' })).toMatch(cockroach ? /./ : /^read committed$/);
    t.fail(/INSERT/);
    const sent = await t.sent(() =>
      t.db.transact((tx) => tx.execute(insert('rc')), { isolation: 'read committed' }),
    );
    expect(sent[0]).toMatch(/^BEGIN ISOLATION LEVEL READ COMMITTED/);
    expect(await t.value('rc')).toBe(1);
  });

  test('line 32: stale reads are read only; their age is validated, never a placeholder', async () => {
    for (const asOf of ["-10s'; DROP TABLE account; --", '10s', 'now()', '-1d'])
      await expect(t.db.transact(async () => {}, { asOf })).rejects.toMatchObject({
        code: 'HOLDFAST_INVALID_OPTION',
        subject: 'asOf',
      });
    // PostgreSQL reads now; CockroachDB at an age that the table has to reach.
    await waitFor(() =>
      t.db
        .transact((tx) => tx.execute(read('x')), { asOf: '-1ms' })
        .then(
          () => true,
          () => false,
        ),
    );
    const sent = await t.sent(() => t.db.transact((tx) => tx.execute(read('x')), { asOf: '-1ms' }));
    expect(sent[0]).toBe(
      cockroach
        ? "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, AS OF SYSTEM TIME '-1ms'"
        : 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY',
    );
    await expect(t.db.transact((tx) => tx.execute(insert('stale')), { asOf: '-1ms' })).rejects.toMatchObject({
      code: '25006',
    });
    const follower = await t.sent(() =>
      t.db.transact((tx) => tx.execute(sql('SELECT 1 AS one')), { asOf: 'follower' }).catch(() => {}),
    );
    expect(follower[0]!.includes('follower_read_timestamp()')).toBe(cockroach);
  });

  test('line 32: a stale read asks the server nothing about its session, which may be younger than what is read', async () => {
    // On CockroachDB the table must be there at that age, and the session must not.
    await waitFor(() =>
      t.db
        .transact((tx) => tx.execute(read('x')), { asOf: '-1s' })
        .then(
          () => true,
          () => false,
        ),
    );
    await using session = await t.db.startSession({ component: 'stale', intervalMs: 60_000 });
    const stale = [
      () => session.transact((tx) => tx.execute(read('x')), { asOf: '-1s' }),
      () => session.execute(read('x'), { asOf: '-1s' }),
      () => t.db.transact(() => session.transact((tx) => tx.execute(read('x'))), { asOf: '-1s' }),
    ];
    const sent = await t.sent(async () => {
      for (const run of stale) await run();
    });
    expect(sent.filter((text) => text === read('x').text)).toHaveLength(3);
    expect(sent.filter((text) => text.includes('holdfast.session'))).toEqual([]);
    expect(session.expired).toBe(false);
    await session.transact((tx) => tx.execute(insert('young')));
    expect(await t.value('young')).toBe(1);
    // What is known without the server still holds.
    await session.close();
    for (const run of stale) await expect(run()).rejects.toThrow(SessionExpiredError);
  });
});
