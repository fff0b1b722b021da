import { expect, test } from 'vitest';
import { RetriesExhaustedError, RolledBackError, TransactionRestartError } from '../../src/base/index.ts';
import { type DriverConnection, pgDriver, postgresDriver } from '../../src/database/index.ts';
import { cut, FakeClock, refuse, stall } from '../../src/testing/index.ts';
import { DRIVERS, waitFor } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';
import { add, cockroach, describeTransact, failing, insert, read } from './fixture.ts';

const begin = cockroach
  ? 'BEGIN ISOLATION LEVEL SERIALIZABLE; SAVEPOINT cockroach_restart'
  : 'BEGIN ISOLATION LEVEL SERIALIZABLE';
const commit = cockroach ? ['RELEASE SAVEPOINT cockroach_restart', 'COMMIT'] : ['COMMIT'];

describeTransact(
  'protocol',
  (t) => {
    /** A stale read must not reach back before the table. */
    const tableIsOlderThan = (asOf: string) =>
      waitFor(() =>
        t.direct
          .transact((tx) => tx.execute(read('x')), { asOf })
          .then(
            () => true,
            () => false,
          ),
      );

    test('line 1: an attempt is BEGIN with its options, the restart savepoint where there is one, the callback, COMMIT', async () => {
      const sent = await t.sent(() => t.db.transact((tx) => tx.execute(insert('p1'))));
      expect(sent).toEqual([begin, insert('p1').text, ...commit]);
    });

    test('line 1: a retry on PostgreSQL begins anew, on CockroachDB it renews the transaction in place', async () => {
      t.fail(/INSERT/);
      const sent = await t.sent(() => t.db.transact((tx) => tx.execute(insert('p1b'))));
      expect(sent).toEqual([
        begin,
        insert('p1b').text,
        ...(cockroach ? ['ROLLBACK TO SAVEPOINT cockroach_restart'] : ['ROLLBACK', begin]),
        insert('p1b').text,
        ...commit,
      ]);
      expect(await t.value('p1b')).toBe(1);
    });

    test('line 2: once RELEASE succeeded a COMMIT that fails changes nothing, and the connection is discarded', async () => {
      if (!cockroach) {
        // PostgreSQL has no RELEASE that commits: there a COMMIT that fails is a failure.
        t.fail(/^COMMIT/, '23505');
        await expect(t.db.transact((tx) => tx.execute(insert('p2')))).rejects.toMatchObject({
          code: '23505',
        });
        expect(await t.value('p2')).toBeUndefined();
        return;
      }
      let committed = 0;
      let answers = 0;
      const fault = t.proxy.inject({
        direction: 'to-client',
        // CockroachDB answers the RELEASE, which is the commit, with this tag as well.
        at: ({ tag }) => tag === 'COMMIT' && ++answers === 2,
        action: cut(),
      });
      await t.db.transact(async (tx) => {
        tx.onCommit(() => {
          committed++;
        });
        await tx.execute(insert('p2'));
      });
      expect([fault.strikes, committed, await t.value('p2')]).toEqual([1, 1, 1]);
      expect(t.db.stats.idle).toBe(0);
      // A COMMIT that the server refuses is no different from one whose answer is lost.
      t.fail(/^COMMIT/, 'XX000');
      await t.db.transact((tx) => tx.execute(insert('p2b')));
      expect(await t.value('p2b')).toBe(1);
      expect(t.db.stats.idle).toBe(0);
    });

    test('line 3: a 40001 that shows only at the commit is retried', async () => {
      t.fail(cockroach ? /^RELEASE/ : /^COMMIT/);
      const attempts: number[] = [];
      await t.db.transact(async (tx, { attempt }) => {
        attempts.push(attempt);
        await tx.execute(insert('p3'));
      });
      expect(attempts).toEqual([1, 2]);
      expect(await t.value('p3')).toBe(1);
    });

    test('line 4: a restart that fails tells both errors and discards the connection', async () => {
      t.fail(/INSERT/);
      t.fail(/ROLLBACK TO SAVEPOINT cockroach_restart/, 'XX000');
      const attempt = t.db.transact((tx) => tx.execute(insert('p4')));
      if (cockroach) {
        const error = await attempt.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(TransactionRestartError);
        expect(error).toMatchObject({ retryCause: { code: '40001' }, cause: { code: '25P02' } });
        expect(t.db.stats).toMatchObject({ idle: 0, busy: 0 });
      } else {
        // Without a restart savepoint the restart is ROLLBACK and BEGIN; a ROLLBACK that fails costs a connection.
        await attempt;
        t.fail(/INSERT/);
        t.fail(/^ROLLBACK$/, 'XX000');
        const { connections } = t.proxy.traffic;
        await t.db.transact((tx) => tx.execute(insert('p4b')));
        expect(t.proxy.traffic.connections).toBe(connections + 1);
      }
    });

    test('line 5: the first retry is immediate; later ones sleep outside of any transaction and begin with the same options', async () => {
      t.fail(/SELECT/, '40001', 4);
      const options = { isolation: 'serializable', readOnly: true } as const;
      const sent = await t.sent(() => t.db.transact((tx) => tx.execute(read('p5')), options));
      const readOnlyBegin = cockroach
        ? 'BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY; SAVEPOINT cockroach_restart'
        : 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY';
      const select = read('p5').text;
      const fresh = ['ROLLBACK', readOnlyBegin, select];
      expect(sent).toEqual([
        readOnlyBegin,
        select,
        ...(cockroach ? ['ROLLBACK TO SAVEPOINT cockroach_restart', select] : fresh),
        ...fresh,
        ...fresh,
        ...fresh,
        ...commit,
      ]);
    });

    test('line 5: while a retry pauses no transaction is open and no connection is held', async () => {
      const db = await t.open({ pool: { max: 1 } });
      await db.execute(read('x'));
      const { sent, attempts } = { sent: [] as string[], attempts: [] as number[] };
      const stop = t.proxy.watch(({ type, sql: text }) => {
        if (type === 'Q' && text) sent.push(text);
      });
      using clock = new FakeClock();
      const running = db.transact(async (_, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 4) throw Object.assign(new Error('again'), { code: '40001' });
      });
      // Nothing moves the clock, so it stays in the pause that follows the second attempt.
      while (attempts.length < 2 || db.stats.busy > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(sent.at(-1)).toBe('ROLLBACK');
      expect(db.stats).toMatchObject({ idle: 1, busy: 0 });
      while (attempts.length < 4) {
        await clock.advance(1);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await running;
      stop();
      expect(attempts).toEqual([1, 2, 3, 4]);
    });

    test('line 5: READ COMMITTED stays what it is across retries', async () => {
      t.fail(/INSERT/, '40001', 3);
      const sent = await t.sent(() =>
        t.db.transact((tx) => tx.execute(insert('p5rc')), { isolation: 'read committed' }),
      );
      const begins = sent.filter((text) => text.startsWith('BEGIN'));
      expect(begins.length).toBeGreaterThan(1);
      for (const text of begins) expect(text).toMatch(/^BEGIN ISOLATION LEVEL READ COMMITTED/);
    });

    test('line 5: priority is kept across retries', async () => {
      t.fail(/INSERT/, '40001', 2);
      const sent = await t.sent(() => t.db.transact((tx) => tx.execute(insert('p5p')), { priority: 'high' }));
      const begins = sent.filter((text) => text.startsWith('BEGIN'));
      expect(begins).toHaveLength(cockroach ? 2 : 3);
      for (const text of begins) expect(text.includes('PRIORITY HIGH')).toBe(cockroach);
    });

    test('line 6: a stale read is never restarted by savepoint', async () => {
      await tableIsOlderThan('-10ms');
      t.fail(/SELECT/);
      const sent = await t.sent(() => t.db.transact((tx) => tx.execute(read('p6')), { asOf: '-10ms' }));
      expect(sent.filter((text) => text.includes('cockroach_restart'))).toEqual([]);
      const begins = sent.filter((text) => text.startsWith('BEGIN'));
      expect(begins).toHaveLength(2);
      expect(new Set(begins).size).toBe(1);
      if (cockroach) expect(begins[0]).toContain("AS OF SYSTEM TIME '-10ms'");
    });

    test('line 7: now() stays across a restart by savepoint and moves on a fresh BEGIN', async () => {
      const times: string[] = [];
      await t.db.transact(async (tx, { attempt }) => {
        const [row] = await rows(tx, 'SELECT CAST(extract(epoch FROM now()) * 1000000 AS INT8)');
        times.push(row![0]!);
        if (attempt < 3) throw Object.assign(new Error('again'), { code: '40001' });
      });
      // Attempts 1 and 2 share a BEGIN on CockroachDB; attempt 3 never does.
      expect(Number(times[2])).toBeGreaterThan(Number(times[0]));
      if (cockroach) expect(times[1]).toBe(times[0]);
      else expect(Number(times[1])).toBeGreaterThan(Number(times[0]));
    });

    test('line 8: the outcome is told only when the commit was answered, by its command tag', async () => {
      const fault = t.proxy.inject({
        direction: 'to-client',
        at: ({ tag }) => tag === 'COMMIT',
        action: stall(),
      });
      let settled = false;
      const running = t.db
        .transact((tx) => tx.execute(insert('p8')))
        .finally(() => {
          settled = true;
        });
      await fault.struck;
      await new Promise((resolve) => setImmediate(resolve));
      expect(settled).toBe(false);
      fault.release();
      await running;
      // An error that the callback swallowed comes out; it is the first one.
      const swallowing = t.db.transact(async (tx) => {
        await tx.execute(insert('p8b'));
        await tx.execute(sql('SELECT 1/0')).catch(() => {});
        await tx.execute(insert('p8c')).catch(() => {});
      });
      await expect(swallowing).rejects.toMatchObject({ code: '22012' });
      expect(await t.value('p8b')).toBeUndefined();
    });

    test('line 8: a commit that the server answers with the tag ROLLBACK did not happen', async () => {
      const driver = t.driver === 'pg' ? pgDriver : postgresDriver;
      const open = driver.open;
      // Nobody has seen an error: only the tag tells.
      const undo = (connection: DriverConnection) => {
        const send = connection.sendSimple.bind(connection);
        connection.sendSimple = (text) =>
          send(
            text
              .replace(/^RELEASE SAVEPOINT/, 'ROLLBACK TO SAVEPOINT')
              .replace(/^COMMIT$/, cockroach ? 'COMMIT' : 'ROLLBACK'),
          );
        return connection;
      };
      driver.open = async (options) => undo(await open(options));
      try {
        const db = await t.open();
        const hooks: string[] = [];
        const running = db.transact(async (tx) => {
          tx.onCommit(() => void hooks.push('commit'));
          tx.onRollback(() => void hooks.push('rollback'));
          await tx.execute(insert('p8d'));
        });
        await expect(running).rejects.toThrow(RolledBackError);
        expect(hooks).toEqual(['rollback']);
        expect(await t.value('p8d')).toBeUndefined();
      } finally {
        driver.open = open;
      }
    });

    test.each(['57014', '57P01', '08006'])(
      '%s while committing is ambiguous; from a statement before it is definite',
      async (code) => {
        t.fail(cockroach ? /^RELEASE/ : /^COMMIT/, code);
        await expect(t.db.transact((tx) => tx.execute(insert(`a${code}`)))).rejects.toMatchObject({
          code: 'HOLDFAST_AMBIGUOUS_COMMIT',
        });
        t.fail(/^INSERT/, code);
        const before = t.db.transact((tx) => tx.execute(insert(`b${code}`)), { maxRetries: 0 });
        await expect(before).rejects.not.toMatchObject({ code: 'HOLDFAST_AMBIGUOUS_COMMIT' });
        expect(await t.value(`b${code}`)).toBeUndefined();
      },
    );

    test('0A000: a stale plan heals by a new connection and a restart of the whole transaction', async () => {
      await t.db.execute(sql('DROP TABLE IF EXISTS shape'));
      await t.db.execute(sql('CREATE TABLE shape (a INT8)'));
      const db = await t.open({ pool: { max: 1 } });
      const look = () => db.transact((tx) => tx.execute(sql('SELECT * FROM shape')));
      await look();
      await look();
      await t.direct.execute(sql('ALTER TABLE shape ADD COLUMN b TEXT'));
      expect((await look()).columns.map(({ name }) => name)).toEqual(['a', 'b']);
      await db.execute(sql('SELECT * FROM shape'));
      await t.direct.execute(sql('ALTER TABLE shape ADD COLUMN c TEXT'));
      expect((await db.execute(sql('SELECT * FROM shape'))).columns).toHaveLength(3);
    });

    test('XXA00: committed with a failed schema change is its own error, never retried; commit hooks run', async () => {
      t.fail(cockroach ? /^RELEASE/ : /^COMMIT/, 'XXA00');
      const hooks: string[] = [];
      const running = t.db.transact(async (tx) => {
        tx.onCommit(() => void hooks.push('commit'));
        tx.onRollback(() => void hooks.push('rollback'));
        await tx.execute(read('x'));
      });
      await expect(running).rejects.toMatchObject({
        code: 'HOLDFAST_COMMITTED_WITH_SCHEMA_ERRORS',
        cause: { code: 'XXA00' },
      });
      expect(hooks).toEqual(['commit']);
    });

    test('40003 anywhere is ambiguous: AmbiguousCommitError, retried only when idempotent', async () => {
      await t.direct.execute(insert('amb', 0));
      t.fail(/UPDATE/, '40003');
      await expect(t.db.transact((tx) => tx.execute(add('amb')))).rejects.toMatchObject({
        code: 'HOLDFAST_AMBIGUOUS_COMMIT',
        cause: { code: '40003' },
      });
      t.fail(cockroach ? /^RELEASE/ : /^COMMIT/, '40003');
      await expect(t.db.transact((tx) => tx.execute(add('amb')))).rejects.toMatchObject({
        code: 'HOLDFAST_AMBIGUOUS_COMMIT',
      });
      t.fail(cockroach ? /^RELEASE/ : /^COMMIT/, '40003');
      await t.db.transact((tx) => tx.execute(add('amb')), { idempotent: true });
      expect(await t.value('amb')).toBe(1);
    });

    test('40P01 is retried; anything else is thrown as it is', async () => {
      t.fail(/INSERT/, '40P01');
      await t.db.transact((tx) => tx.execute(insert('dead')));
      expect(await t.value('dead')).toBe(1);
      t.fail(/INSERT/, '53200', 99);
      await expect(t.db.transact((tx) => tx.execute(insert('oom')))).rejects.toMatchObject({ code: '53200' });
      t.proxy.calm();
      t.fail(/INSERT/, '40001', 99);
      await expect(t.db.transact((tx) => tx.execute(insert('oom')), { maxRetries: 1 })).rejects.toThrow(
        RetriesExhaustedError,
      );
    });

    test.each([
      'rpc error: code = Unavailable desc = node unavailable; try another peer',
      'context canceled',
    ])(
      'a node that lost others behind it (XXUUU, %s) is left: retried on another connection',
      async (said) => {
        await t.direct.execute(insert('outage', 0));
        const fault = t.proxy.inject({ ...failing(/UPDATE/), action: refuse('XXUUU', said) });
        const connections = new Set<number>();
        const stop = t.proxy.watch(({ sql: text, connection }) => {
          if (/UPDATE/.test(text ?? '')) connections.add(connection);
        });
        await t.db.transact((tx) => tx.execute(add('outage')));
        stop();
        expect(fault.strikes).toBe(1);
        expect(connections.size).toBe(2);
        expect(await t.value('outage')).toBe(1);
      },
    );
  },
  DRIVERS,
);
