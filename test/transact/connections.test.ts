import { expect, test } from 'vitest';
import { ConnectionLostError, PoolTimeoutError } from '../../src/base/index.ts';
import type { Executor } from '../../src/query/index.ts';
import { cut } from '../../src/testing/index.ts';
import { DRIVERS, waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { cockroach, describeTransact, insert, read } from './fixture.ts';

describeTransact(
  'connections',
  (t) => {
    test('line 18: after a loss in the callback the handle is dead for good; the next attempt has a new one', async () => {
      const seen: unknown[] = [];
      const value = await t.db.transact(async (tx, { attempt }) => {
        await tx.execute(insert(`l18-${attempt}`));
        if (attempt === 1) {
          t.proxy.cutAll();
          await expect(tx.execute(read('x'))).rejects.toThrow(ConnectionLostError);
          // Long after the driver could have reconnected: still dead.
          await t.direct.execute(sql('SELECT 1'));
          for (let i = 0; i < 3; i++)
            await expect(tx.execute(insert('leak'))).rejects.toThrow(ConnectionLostError);
        }
        seen.push(attempt);
        return attempt;
      });
      expect([value, seen]).toEqual([2, [1, 2]]);
      expect([await t.value('l18-1'), await t.value('l18-2'), await t.value('leak')]).toEqual([
        undefined,
        1,
        undefined,
      ]);
    });

    test('line 18: under load, no statement of a lost transaction commits outside of it', async () => {
      // All ten connections are there, so that the cut strikes none that is being opened.
      let begun = 0;
      const begin = async () => {
        begun++;
        await waitFor(() => begun >= 10);
      };
      await Promise.all(Array.from({ length: 10 }, () => t.db.transact(begin)));
      const workers = Array.from({ length: 20 }, (_, w) =>
        // Marked, since the cut also strikes commits of others.
        t.db.transact(
          async (tx, { attempt }) => {
            await tx.execute(insert(`w${w}-${attempt}-a`));
            if (attempt === 1 && w === 10) t.proxy.cutAll();
            await tx.execute(insert(`w${w}-${attempt}-b`)).catch(() => {});
            await tx.execute(insert(`w${w}-${attempt}-c`)).catch(() => {});
          },
          { commitMarker: true },
        ),
      );
      await Promise.all(workers);
      const { rows } = await t.direct.execute(
        sql(
          "SELECT split_part(id, '-', 1), count(*), count(DISTINCT split_part(id, '-', 2)) FROM account GROUP BY 1",
        ),
      );
      expect(rows).toHaveLength(20);
      for (const [, count, attempts] of rows) expect([count, attempts]).toEqual(['3', '1']);
    });

    /** Ends the backend of `executor` from outside; resolves when its connection is gone. */
    const terminate = async (executor: Executor) => {
      const { open } = t.proxy;
      if (cockroach) {
        const { rows } = await executor.execute(sql('SHOW session_id'));
        await t.direct.execute(sql(`CANCEL SESSION '${rows[0]![0]}'`));
      } else {
        const { rows } = await executor.execute(sql('SELECT pg_backend_pid()'));
        await t.direct.execute(sql('SELECT pg_terminate_backend($1::INT4)', rows[0]![0]!));
      }
      // CockroachDB ends an idle one only at its next statement.
      if (!cockroach) await waitFor(() => t.proxy.open < open);
    };

    // The file's afterAll proves that there was no uncaughtException and no unhandledRejection.
    test('line 19: a backend that dies while idle in a transaction raises nothing uncaught', async () => {
      const value = await t.db.transact(async (tx, { attempt }) => {
        if (attempt === 1) await terminate(tx);
        await tx.execute(insert('l19'));
        return attempt;
      });
      expect(value).toBe(2);
      expect(await t.value('l19')).toBe(1);
    });

    test('line 19: nor does one that dies idle in the pool; it is not handed out again', async () => {
      const db = await t.open({ pool: { max: 1 } });
      await terminate(db);
      if (!cockroach) await waitFor(() => db.stats.idle === 0);
      await db.transact((tx) => tx.execute(insert('l19b')));
      expect(await t.value('l19b')).toBe(1);
    });

    test('line 20: only a connection that is proven idle goes back to the pool', async () => {
      const db = await t.open({ pool: { max: 2 } });
      await db.transact((tx) => tx.execute(read('x')));
      expect(db.stats).toMatchObject({ idle: 1, busy: 0 });
      await db.transact(async (tx) => tx.execute(sql('SELECT 1/0'))).catch(() => {});
      expect(db.stats).toMatchObject({ idle: 1, busy: 0 });
      t.proxy.inject({ direction: 'to-client', at: ({ tag }) => tag === 'ROLLBACK', action: cut() });
      await db.transact(async (tx) => tx.execute(sql('SELECT 1/0'))).catch(() => {});
      expect(db.stats).toMatchObject({ idle: 0, busy: 0 });
      const status = await db.transact((tx) => tx.execute(sql('SELECT 1')));
      expect(status.rows).toEqual([['1']]);
    });

    test('line 21: nothing but SET LOCAL is set, so that nothing is left on the connection', async () => {
      const db = await t.open({ pool: { max: 1 } });
      const before = (await db.execute(sql('SHOW statement_timeout'))).rows;
      const sent = await t.sent(() => db.transact((tx) => tx.execute(read('x')), { deadlineMs: 60_000 }));
      expect(sent.join(';').match(/SET (?!LOCAL)\w+/g)).toBeNull();
      expect(sent.join(';')).toContain('SET LOCAL statement_timeout');
      await db.transact(async () => Promise.reject(new Error('x')), { deadlineMs: 60_000 }).catch(() => {});
      expect((await db.execute(sql('SHOW statement_timeout'))).rows).toEqual(before);
    });

    test('line 22: waiting for a connection ends at the deadline with PoolTimeoutError and spends no retry', async () => {
      const db = await t.open({ pool: { max: 1 } });
      let release = () => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const holder = db.transact(() => gate);
      let calls = 0;
      const begin = (options: object) =>
        db.transact(() => void calls++, { maxRetries: Infinity, ...options });
      await expect(begin({ deadlineMs: 50 })).rejects.toThrow(PoolTimeoutError);
      expect(calls).toBe(0);
      expect(db.stats.waiting).toBe(0);
      release();
      await holder;
      await begin({ deadlineMs: 60_000 });
      expect(calls).toBe(1);
    });
  },
  DRIVERS,
);
