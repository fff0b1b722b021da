import { expect, test } from 'vitest';
import { ForbiddenStatementError, TransactionClosedError } from '../../src/errors/index.ts';
import type { Transaction } from '../../src/index.ts';
import { dropReply } from '../../src/testing/index.ts';
import { rows, sql } from '../support/sql.ts';
import { add, cockroach, describeTransact, insert, read } from './fixture.ts';

const serialization = () => Object.assign(new Error('restart'), { code: '40001' });

describeTransact('callback', (t) => {
  test('line 9: the callback itself runs again, told the attempt and why; only the last value is returned', async () => {
    t.fail(/INSERT/, '40001', 2);
    const told: unknown[] = [];
    const value = await t.db.transact(async (tx, { attempt, lastError }) => {
      told.push([attempt, (lastError as { code?: string } | undefined)?.code]);
      await tx.execute(insert(`c9-${attempt}`));
      return `value ${attempt}`;
    });
    expect(value).toBe('value 3');
    expect(told).toEqual([
      [1, undefined],
      [2, '40001'],
      [3, '40001'],
    ]);
    expect(await rows(t.direct, 'SELECT id FROM account')).toEqual([['c9-3']]);
  });

  const cyclic = () => {
    const outer = new Error('outer') as Error & { cause?: unknown };
    outer.cause = Object.assign(new Error('inner', { cause: outer }), { error: serialization() });
    return outer;
  };
  test.each([
    ['in cause', () => new Error('a', { cause: new Error('b', { cause: serialization() }) })],
    ['in an AggregateError', () => new AggregateError([new Error('x'), serialization()])],
    ['in {error}', () => ({ error: serialization() })],
    [
      'behind a wrapper with its own code',
      () => Object.assign(new Error('w', { cause: serialization() }), { code: 'E_ORM' }),
    ],
    ['in a cycle', cyclic],
  ])('line 10: a 40001 wrapped %s is still retried', async (_, wrap) => {
    const attempts: number[] = [];
    await t.db.transact(async (_tx, { attempt }) => {
      attempts.push(attempt);
      if (attempt === 1) throw wrap();
    });
    expect(attempts).toEqual([1, 2]);
  });

  test("line 10: another transaction's last word is not retried, whatever it wraps", async () => {
    let calls = 0;
    t.fail(/INSERT/, '40001', 99);
    const outer = t.direct.transact(async () => {
      calls++;
      await t.db.transact((tx) => tx.execute(insert('x')), { maxRetries: 1 });
    });
    // Another handle is another database as far as it knows: nothing is joined.
    await expect(outer).rejects.toMatchObject({ code: 'HOLDFAST_RETRIES_EXHAUSTED' });
    expect(calls).toBe(1);
  });

  test('line 11: a swallowed 40001 is still retried', async () => {
    t.fail(/INSERT/);
    const value = await t.db.transact(async (tx, { attempt }) => {
      await tx.execute(insert('c11')).catch(() => {});
      return attempt;
    });
    expect(value).toBe(2);
    expect(await t.value('c11')).toBe(1);
  });

  test('line 12: an error of the callback after a 40001 is retried', async () => {
    t.fail(/INSERT/);
    const value = await t.db.transact(async (tx, { attempt }) => {
      await tx.execute(insert('c12')).catch(() => {
        throw new TypeError('translated');
      });
      return attempt;
    });
    expect(value).toBe(2);
  });

  test('line 13: an error of the callback rolls back and comes out as the same object, even if ROLLBACK fails', async () => {
    const mine = { not: 'even an Error' };
    const failing = () =>
      t.db.transact(async (tx) => {
        await tx.execute(insert('c13'));
        throw mine;
      });
    await expect(failing()).rejects.toBe(mine);
    t.fail(/^ROLLBACK$/, 'XX000');
    await expect(failing()).rejects.toBe(mine);
    expect(await t.value('c13')).toBeUndefined();
  });

  test('line 14: a handle is dead once settled, and nothing late reaches the wire', async () => {
    let leaked: Transaction | undefined;
    let part: Transaction | undefined;
    await t.db.transact(async (tx) => {
      leaked = tx;
      await tx.transact(async (inner) => {
        part = inner;
      });
      await expect(part!.execute(insert('late'))).rejects.toThrow(TransactionClosedError);
    });
    const sent = await t.sent(async () => {
      await expect(leaked!.execute(insert('late'))).rejects.toThrow(TransactionClosedError);
      await expect(leaked!.transact(async () => {})).rejects.toThrow(TransactionClosedError);
      await expect(part!.transact(async () => {})).rejects.toThrow(TransactionClosedError);
    });
    expect(sent).toEqual([]);
  });

  test('line 14: a hook given to a dead handle is refused, not forgotten', async () => {
    const handles: Transaction[] = [];
    const ran: string[] = [];
    await t.db.transact(async (tx) => {
      handles.push(tx);
      await tx.transact(async (part) => {
        handles.push(part);
      });
      expect(() => handles[1]!.onCommit(() => void ran.push('late'))).toThrow(TransactionClosedError);
    });
    for (const tx of handles) {
      expect(() => tx.onCommit(() => void ran.push('late'))).toThrow(TransactionClosedError);
      expect(() => tx.onRollback(() => void ran.push('late'))).toThrow(TransactionClosedError);
    }
    expect(ran).toEqual([]);
  });

  test('line 14: a nested part that outlives its transaction leaves the connection alone', async () => {
    const db = await t.open({ pool: { max: 1 } });
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let late: Promise<unknown> | undefined;
    const boom = new Error('boom');
    const failing = db.transact(async (tx) => {
      late = tx.transact(async (inner) => {
        await gate;
        await inner.execute(insert('late'));
      });
      await tx.transact(async () => {}).catch(() => {});
      throw boom;
    });
    // The body ends only with its parts' turns; here it is the deadline of nobody, so let it go on first.
    void failing.catch(() => {});
    const sent = await t.sent(async () => {
      go();
      await expect(failing).rejects.toBe(boom);
      await expect(late).resolves.toBeUndefined();
    });
    expect(sent.filter((text) => text.includes('late'))).toEqual([]);
    expect(await t.value('late')).toBeUndefined();
  });

  test('line 14: with Promise.all a sibling that goes on after a failure never touches the connection again', async () => {
    const db = await t.open({ pool: { max: 1 } });
    const boom = new Error('boom');
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let sibling: Promise<unknown> = Promise.resolve();
    await expect(
      db.transact(async (tx) => {
        sibling = tx.transact(async (inner) => {
          await inner.execute(insert('s1'));
          await gate;
          await inner.execute(insert('s2'));
        });
        sibling.catch(() => {});
        await Promise.all([sibling, Promise.reject(boom)]);
      }),
    ).rejects.toBe(boom);
    const sent = await t.sent(async () => {
      await db.transact(async (tx) => {
        await tx.execute(insert('next'));
        release();
        await expect(sibling).rejects.toThrow(TransactionClosedError);
        await tx.execute(add('next'));
      });
    });
    expect(sent.filter((text) => text.includes('hf_'))).toEqual([]);
    expect([await t.value('next'), await t.value('s1')]).toEqual([2, undefined]);
  });

  test('line 15: un-awaited queries are waited for before the commit; if one fails nothing commits', async () => {
    await t.db.transact(async (tx) => {
      for (const n of [1, 2, 3]) void tx.execute(insert(`c15-${n}`));
    });
    expect(await rows(t.direct, 'SELECT id FROM account ORDER BY id')).toEqual([
      ['c15-1'],
      ['c15-2'],
      ['c15-3'],
    ]);
    const failing = t.db.transact(async (tx) => {
      void tx.execute(insert('c15-4'));
      void tx.execute(insert('c15-1'));
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    expect(await t.value('c15-4')).toBeUndefined();
  });

  test('line 15: so are un-awaited nested parts, whole', async () => {
    await t.db.transact(async (tx) => {
      void tx.transact(async (inner) => {
        await inner.execute(insert('half-1'));
        await inner.execute(insert('half-2'));
      });
    });
    expect([await t.value('half-1'), await t.value('half-2')]).toEqual([1, 1]);
    const failing = t.db.transact(async (tx) => {
      await tx.execute(insert('whole'));
      void tx.transact(async (inner) => {
        await inner.execute(insert('half-3'));
        throw new Error('un-awaited');
      });
    });
    await expect(failing).rejects.toThrow('un-awaited');
    expect(await t.value('whole')).toBeUndefined();
  });

  test('line 16: onCommit once after a definite commit, onRollback for each failed attempt, neither on ambiguity', async () => {
    const calls: string[] = [];
    const body = async (tx: Transaction, { attempt }: { attempt: number }) => {
      tx.onCommit(() => void calls.push(`commit ${attempt}`));
      tx.onRollback(async () => void calls.push(`rollback ${attempt}`));
      await tx.execute(insert('c16'));
    };
    t.fail(/INSERT/, '40001', 2);
    await t.db.transact(body);
    expect(calls.splice(0)).toEqual(['rollback 1', 'rollback 2', 'commit 3']);
    await expect(t.db.transact(body)).rejects.toMatchObject({ code: '23505' });
    expect(calls.splice(0)).toEqual(['rollback 1']);
    await t.direct.execute(sql('DELETE FROM account'));
    t.proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => /^(RELEASE|COMMIT)/.test(text ?? ''),
      action: dropReply(),
    });
    await expect(t.db.transact(body)).rejects.toMatchObject({ code: 'HOLDFAST_AMBIGUOUS_COMMIT' });
    expect(calls).toEqual([]);
  });

  test('line 16: a hook that throws changes no outcome, keeps no other hook from running, and is warned of', async () => {
    const warned: string[] = [];
    const listen = (warning: Error) => void warned.push(`${warning.name}: ${warning.message}`);
    process.on('warning', listen);
    try {
      const calls: string[] = [];
      const hooks = (tx: Transaction) => {
        for (const add of [tx.onCommit, tx.onRollback].map((hook) => hook.bind(tx))) {
          add(() => {
            throw new Error('hook');
          });
          add(async () => Promise.reject(new Error('late hook')));
          add(() => void calls.push('ran'));
        }
      };
      const value = await t.db.transact(async (tx) => {
        hooks(tx);
        await tx.execute(insert('hooked'));
        return 'kept';
      });
      expect([value, await t.value('hooked'), calls.splice(0)]).toEqual(['kept', 1, ['ran']]);
      const mine = new Error('mine');
      const failing = t.db.transact(async (tx) => {
        hooks(tx);
        throw mine;
      });
      await expect(failing).rejects.toBe(mine);
      expect(calls).toEqual(['ran']);
      // Warnings are told in a later tick.
      await new Promise((resolve) => setImmediate(resolve));
      expect(warned).toHaveLength(4);
      expect(t.db.stats.busy).toBe(0);
    } finally {
      process.off('warning', listen);
    }
  });

  test.each([
    'BEGIN',
    'start transaction',
    'COMMIT',
    ' -- note\n /* more */ ;COMMIT',
    '/* a /* nested */ comment */ COMMIT',
    'END',
    'ROLLBACK',
    'ABORT',
    "PREPARE TRANSACTION 'x'",
    'SAVEPOINT cockroach_restart',
    'RELEASE SAVEPOINT "cockroach_restart"',
    'ROLLBACK TO SAVEPOINT cockroach_restart',
    'CREATE TABLE sneaky (a INT8)',
    'DROP TABLE account',
    'TRUNCATE account',
  ])('line 17: %j inside of the callback is refused before it is sent', async (text) => {
    const sent = await t.sent(() =>
      expect(t.db.transact((tx) => tx.execute(sql(text)))).rejects.toThrow(ForbiddenStatementError),
    );
    // The helper's own ROLLBACK follows.
    expect(sent.slice(0, -1)).not.toContain(text);
  });

  test.each([
    'SELECT 1; COMMIT',
    "INSERT INTO account (id, n) VALUES ('multi', 1); COMMIT; BEGIN",
    'SELECT 1; SAVEPOINT cockroach_restart',
  ])('line 17: nor does it pass behind another statement: %j', async (text) => {
    const running = t.db.transact(async (tx) => {
      await tx.execute(insert('multi-0'));
      await tx.execute(sql(text));
    });
    // A statement is prepared, and the server takes one at a time so.
    await expect(running).rejects.toMatchObject({ code: expect.stringMatching(/^42/) });
    expect([await t.value('multi'), await t.value('multi-0')]).toEqual([undefined, undefined]);
  });

  test('line 17: savepoints of one’s own and, when asked for, DDL pass', async () => {
    await t.db.transact(async (tx) => {
      await tx.execute(sql('SAVEPOINT mine'));
      await tx.execute(insert('c17'));
      await tx.execute(sql('ROLLBACK TO SAVEPOINT mine'));
    });
    expect(await t.value('c17')).toBeUndefined();
    const table = `ddl_${t.driver}`;
    await t.db.transact((tx) => tx.execute(sql(`CREATE TABLE ${table} (a INT8)`)), { allowDdl: true });
    expect((await t.direct.execute(sql(`SELECT count(*) FROM ${table}`))).rows).toEqual([['0']]);
    await t.db.transact((tx) => tx.execute(sql(`DROP TABLE ${table}`)), { allowDdl: true });
    expect(cockroach || (await t.direct.execute(read('x'))).rows.length === 0).toBe(true);
  });
});
