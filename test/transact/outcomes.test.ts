import { describe, expect, test } from 'vitest';
import { AmbiguousCommitError, DatabaseError, DeadlineExceededError } from '../../src/base/index.ts';
import type { Transaction } from '../../src/index.ts';
import { cut, dropReply, stall } from '../../src/testing/index.ts';
import { DRIVERS } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { cockroach, describeTransact, insert, read } from './fixture.ts';

const serialization = () => Object.assign(new Error('as contention would'), { code: '40001' });
const commits = /^(COMMIT|RELEASE)/;
const atCommit = {
  direction: 'to-server',
  at: ({ sql: text = '' }: { readonly sql?: string | undefined }) => commits.test(text),
} as const;
const thrownBy = (running: Promise<unknown>) =>
  running.then(
    () => undefined,
    (error: unknown) => error,
  );

// Whatever the database said last, the caller is told what decided.
describeTransact(
  'outcomes',
  (t) => {
    test('line 29: aborted while the commit is under way, which then fails: the reason', async () => {
      const abort = new AbortController();
      const reason = new Error('enough');
      t.fail(commits, '40001');
      const answer = t.proxy.inject({
        direction: 'to-client',
        at: ({ sqlState }) => sqlState === '40001',
        action: stall(),
      });
      const running = thrownBy(
        t.db.transact((tx) => tx.execute(insert('x')), { signal: abort.signal, maxRetries: 5 }),
      );
      await answer.struck;
      abort.abort(reason);
      answer.remove();
      expect(await running).toBe(reason);
      expect(await t.value('x')).toBeUndefined();
    });

    test('line 30: the deadline passes while the commit is under way, which then fails: the deadline', async () => {
      t.fail(commits, '40001');
      const answer = t.proxy.inject({
        direction: 'to-client',
        at: ({ sqlState }) => sqlState === '40001',
        action: stall(),
      });
      const expired = Promise.withResolvers<void>();
      const running = thrownBy(
        t.db.transact(
          (tx) => {
            tx.signal.addEventListener('abort', () => expired.resolve());
            return tx.execute(insert('x'));
          },
          { deadlineMs: 300 },
        ),
      );
      await expired.promise;
      answer.remove();
      const error = await running;
      expect(error).toBeInstanceOf(DeadlineExceededError);
      expect((error as Error).cause).toMatchObject({ code: '40001' });
    });

    test('line 29: a marker that says "not committed" after an abort gives the reason', async () => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const held = t.proxy.inject({
        direction: 'to-server',
        at: ({ sql: text = '' }) => text.includes('commit_marker'),
        action: stall(),
      });
      const running = thrownBy(
        t.db.transact((tx) => tx.execute(insert('x')), { signal: abort.signal, commitMarker: true }),
      );
      await held.struck;
      abort.abort(reason);
      t.proxy.cutAll();
      expect(await running).toBe(reason);
      expect(await t.value('x')).toBeUndefined();
    });

    test('line 30: one round trip that the server ends at the deadline is DeadlineExceededError', async () => {
      await using session = await t.db.startSession({ component: 'outcomes', intervalMs: 60_000 });
      const error = await thrownBy(session.execute(sql('SELECT pg_sleep(30)'), { deadlineMs: 200 }));
      expect(error).toBeInstanceOf(DeadlineExceededError);
      expect((error as Error).cause).toMatchObject({ code: '57014' });
    });

    test.skipIf(cockroach)(
      'line 30: a seal that waits for a lock past the deadline is DeadlineExceededError',
      async () => {
        await using session = await t.db.startSession({ component: 'outcomes', intervalMs: 60_000 });
        const over = Promise.withResolvers<void>();
        const locked = Promise.withResolvers<void>();
        const blocker = t.direct.transact(async (tx) => {
          await tx.execute(
            sql('SELECT 1 FROM holdfast.session WHERE session_id = $1 FOR UPDATE', session.id),
          );
          locked.resolve();
          await over.promise;
        });
        await locked.promise;
        const error = await thrownBy(session.transact((tx) => tx.execute(insert('x')), { deadlineMs: 300 }));
        over.resolve();
        await blocker;
        expect(error).toBeInstanceOf(DeadlineExceededError);
        expect(await t.value('x')).toBeUndefined();
      },
    );

    test('line 29: a signal ends a statement of session.execute on the server', async () => {
      await using session = await t.db.startSession({ component: 'outcomes', intervalMs: 60_000 });
      const abort = new AbortController();
      const reason = new Error('enough');
      const asked = t.proxy.next(({ sql: text = '' }) => text.includes('pg_sleep'));
      const running = thrownBy(session.execute(sql('SELECT pg_sleep(30)'), { signal: abort.signal }));
      await asked;
      const before = t.proxy.traffic.cancelRequests;
      abort.abort(reason);
      expect(await running).toBe(reason);
      expect(t.proxy.traffic.cancelRequests).toBe(before + 1);
    });

    test('line 26: the options of session.execute hold inside of a transaction too', async () => {
      await using session = await t.db.startSession({ component: 'outcomes', intervalMs: 60_000 });
      const reason = new Error('never');
      const running = session.transact(() =>
        session.execute(insert('x'), { signal: AbortSignal.abort(reason) }),
      );
      expect(await thrownBy(running)).toBe(reason);
      expect(await t.value('x')).toBeUndefined();
    });

    test.each([30 * 86_400_000, 2_147_483_000])(
      'line 30: a deadline of %d ms is one the server takes',
      async (deadlineMs) => {
        await using session = await t.db.startSession({ component: 'outcomes', intervalMs: 60_000 });
        await t.db.transact((tx) => tx.execute(insert(`a${deadlineMs}`)), { deadlineMs });
        await session.execute(insert(`b${deadlineMs}`), { deadlineMs });
        expect(await t.value(`b${deadlineMs}`)).toBe(1);
      },
    );

    test('line 30: every attempt is told what is left of the deadline, and how long it may idle', async () => {
      await using session = await t.db.startSession({ component: 'outcomes', intervalMs: 50_000 });
      const shown: { timeout: string; idle: string }[] = [];
      const show = async (what: string, tx: Parameters<Parameters<typeof session.transact>[0]>[0]) =>
        String((await tx.execute(sql(`SHOW ${what}`))).rows[0]![0]);
      await session.transact(
        async (tx, { attempt }) => {
          shown.push({
            timeout: await show('statement_timeout', tx),
            idle: await show('idle_in_transaction_session_timeout', tx),
          });
          if (attempt < 4) throw serialization();
        },
        { deadlineMs: 40_000 },
      );
      expect(shown).toHaveLength(4);
      for (const { timeout, idle } of shown) {
        const ms = Number.parseFloat(timeout) * (/\ds$/.test(timeout) ? 1_000 : 1);
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThanOrEqual(40_000);
        expect(idle).toMatch(/^50(000|s)/);
      }
    });

    test('line 13: the first swallowed error is told, not "current transaction is aborted"', async () => {
      const running = t.db.transact(async (tx) => {
        await tx.execute(insert('x'));
        await tx.execute(insert('x')).catch(() => {});
        await tx.execute(insert('y'));
      });
      const error = await thrownBy(running);
      expect(error).toBeInstanceOf(DatabaseError);
      expect((error as DatabaseError).code).toBe('23505');
    });

    test('line 16: an attempt that may be committed is not told to have been rolled back, also when it is retried', async () => {
      const hooks: string[] = [];
      t.proxy.inject({ ...atCommit, action: dropReply() });
      await t.db.transact(
        (tx, { attempt }) => {
          tx.onCommit(() => void hooks.push(`commit ${attempt}`));
          tx.onRollback(() => void hooks.push(`rollback ${attempt}`));
          return tx.execute(read('x'));
        },
        { idempotent: true },
      );
      expect(hooks).toEqual(['commit 2']);
    });

    test('line 5: a hook runs when no transaction is open and no connection held: it may use a pool of one', async () => {
      const db = await t.open({ pool: { max: 1, acquireTimeoutMs: 5_000 } });
      const seen: string[] = [];
      const sent = await t.sent(() =>
        db.transact(async (tx, { attempt }) => {
          tx.onRollback(
            async () => void seen.push(String((await db.execute(sql("SELECT 'in the hook'"))).rows[0])),
          );
          if (attempt < 3) throw serialization();
        }),
      );
      expect(seen).toEqual(['in the hook', 'in the hook']);
      const relevant = sent.filter((text) => /^(BEGIN|ROLLBACK|COMMIT|RELEASE|SELECT 'in)/.test(text));
      expect(relevant.map((text) => text.split(/[ ;]/)[0])).toEqual([
        ...['BEGIN', 'ROLLBACK', 'SELECT'],
        ...['BEGIN', 'ROLLBACK', 'SELECT'],
        ...(cockroach ? ['BEGIN', 'RELEASE', 'COMMIT'] : ['BEGIN', 'COMMIT']),
      ]);
    });

    test('line 37: the marker is asked also when it was the deadline that ended the wait for the commit', async () => {
      t.proxy.inject({
        direction: 'to-client',
        at: ({ tag }) => tag === (cockroach ? 'RELEASE' : 'COMMIT') || tag === 'COMMIT',
        action: stall(),
      });
      await t.db.transact((tx) => tx.execute(insert('x')), { commitMarker: true, deadlineMs: 400 });
      expect(await t.value('x')).toBe(1);
    });

    test('a BEGIN that is refused: what its callback sends afterwards never reaches the server', async () => {
      const db = await t.open({ pool: { max: 1 } });
      await db.execute(read('x'));
      t.fail(/^BEGIN/, '57014');
      const running = db.transact(async (tx) => {
        await tx.execute(read('x')).catch(() => {});
        await tx.execute(insert('x')).catch(() => {});
      });
      expect(await thrownBy(running)).toBeInstanceOf(AmbiguousCommitError);
      expect(await t.value('x')).toBeUndefined();
    });

    describe('a BEGIN that is refused with statements behind it is told as ambiguous', () => {
      const own = new Error('my own');
      const bodies: [string, (tx: Transaction, abort: () => void) => Promise<unknown>][] = [
        ['when nothing else happens', (tx) => tx.execute(insert('x'))],
        [
          'when another statement fails',
          (tx) => Promise.all([tx.execute(insert('x')), tx.execute(insert('dup'))]),
        ],
        [
          'when the other one is awaited first',
          async (tx) => {
            const first = tx.execute(insert('x'));
            await tx.execute(insert('dup'));
            await first;
          },
        ],
        [
          'when the callback throws an error of its own',
          async (tx) => {
            await tx.execute(insert('x')).catch(() => {});
            throw own;
          },
        ],
        [
          'when it is aborted meanwhile',
          async (tx, abort) => {
            const first = tx.execute(insert('x'));
            abort();
            await first;
          },
        ],
      ];
      test.each(bodies)('%s', async (_, body) => {
        await t.direct.execute(insert('dup'));
        const db = await t.open({ pool: { max: 1 } });
        await db.execute(read('x'));
        t.fail(/^BEGIN/, '57014');
        const abort = new AbortController();
        const hooks: string[] = [];
        const running = db.transact(
          (tx) => {
            tx.onCommit(() => void hooks.push('commit'));
            tx.onRollback(() => void hooks.push('rollback'));
            return body(tx, () => abort.abort(new Error('enough')));
          },
          { signal: abort.signal },
        );
        expect(await thrownBy(running)).toBeInstanceOf(AmbiguousCommitError);
        expect(await t.value('x')).toBe(1);
        expect(hooks).toEqual([]);
      });
    });

    test('line 29: no cancel is sent before BEGIN was answered: what is behind it would run on its own', async () => {
      const db = await t.open({ pool: { max: 1 } });
      await db.execute(read('x'));
      const begin = t.proxy.inject({
        direction: 'to-client',
        at: ({ tag }) => tag === 'BEGIN',
        action: stall(),
      });
      const abort = new AbortController();
      const reason = new Error('enough');
      const before = t.proxy.traffic.cancelRequests;
      const running = thrownBy(db.transact((tx) => tx.execute(insert('x')), { signal: abort.signal }));
      await begin.struck;
      abort.abort(reason);
      await new Promise(setImmediate);
      expect(t.proxy.traffic.cancelRequests).toBe(before);
      begin.remove();
      expect(await running).toBe(reason);
      expect(t.proxy.traffic.cancelRequests).toBe(before + 1);
      expect(await t.value('x')).toBeUndefined();
    });

    test('a BEGIN that is refused while its fence is not answered yet: nothing more is sent', async () => {
      const db = await t.open({ pool: { max: 1 } });
      await using session = await db.startSession({ component: 'outcomes', intervalMs: 60_000 });
      await session.transact((tx) => tx.execute(read('x')));
      t.fail(/^BEGIN/, '57014');
      const fence = t.proxy.inject({
        direction: 'to-client',
        at: ({ tag }) => /^SELECT/.test(tag ?? ''),
        action: stall(),
      });
      // Not the answer to a cancel of the test before; and up to ReadyForQuery, which may come a good deal later.
      let refusedOn: number | undefined;
      const refused = t.proxy.next(({ connection, direction, type, sqlState, bytes }) => {
        if (sqlState === '57014' && bytes.includes('refused by the fault proxy')) refusedOn = connection;
        return connection === refusedOn && direction === 'to-client' && type === 'Z';
      });
      const tried = Promise.withResolvers<void>();
      const running = session.transact(async (tx) => {
        await refused;
        // By the time that a server has answered another connection, the refusal is here.
        await t.value('x');
        const late = tx.execute(insert('ghost'));
        tried.resolve();
        await late.catch(() => {});
      });
      running.catch(() => {});
      await Promise.all([fence.struck, tried.promise]);
      await t.value('x');
      fence.remove();
      expect(await thrownBy(running)).toBeInstanceOf(DatabaseError);
      expect(await t.value('ghost')).toBeUndefined();
    });

    test('line 30: the deadline ends the wait for a commit, also when the caller has aborted before', async () => {
      const abort = new AbortController();
      const held = t.proxy.inject({ ...atCommit, action: stall() });
      const running = thrownBy(
        t.db.transact((tx) => tx.execute(insert('x')), { signal: abort.signal, deadlineMs: 500 }),
      );
      await held.struck;
      abort.abort(new Error('enough'));
      expect(await running).toBeInstanceOf(AmbiguousCommitError);
    });

    test('line 25: a part that was handled is forgotten, and a connection lost at its rollback is retried', async () => {
      await t.direct.execute(insert('dup'));
      t.proxy.inject({
        direction: 'to-server',
        at: ({ sql: text = '' }) => /^ROLLBACK TO SAVEPOINT hf/.test(text),
        action: cut('before'),
      });
      let attempts = 0;
      await t.db.transact(async (tx) => {
        attempts++;
        await tx.execute(insert('first'));
        await tx.transact((part) => part.execute(insert('dup'))).catch(() => {});
      });
      expect([attempts, await t.value('first')]).toEqual([2, 1]);
    });

    test('line 26: options of a nested call are checked, and DDL is the outermost’s to allow', async () => {
      const nested = (options: object) => t.db.transact((tx) => tx.transact(async () => {}, options));
      await expect(nested({ isolaton: 'serializable' })).rejects.toMatchObject({
        code: 'HOLDFAST_INVALID_OPTION',
      });
      await expect(nested({ deadlineMs: 'soon' })).rejects.toMatchObject({ code: 'HOLDFAST_INVALID_OPTION' });
      await expect(nested({ allowDdl: true })).rejects.toMatchObject({ code: 'HOLDFAST_NESTED_OPTIONS' });
    });

    test('line 2: cut while the commit is under way, without a marker: ambiguous, whatever stopped it', async () => {
      const abort = new AbortController();
      const held = t.proxy.inject({ ...atCommit, action: cut('after') });
      const running = thrownBy(t.db.transact((tx) => tx.execute(insert('x')), { signal: abort.signal }));
      await held.struck;
      abort.abort(new Error('enough'));
      expect(await running).toBeInstanceOf(AmbiguousCommitError);
    });
  },
  DRIVERS,
);
