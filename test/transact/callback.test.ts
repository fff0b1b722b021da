import { expect, test } from 'vitest';
import { MisuseError } from '../../src/base/index.ts';
import type { Session, Transaction, TransactOptions } from '../../src/index.ts';
import { batch, exec, insertRows, insertRowsReturning, one, sendBatch, text } from '../../src/query/index.ts';
import { dropReply } from '../../src/testing/index.ts';
import { rows, sql } from '../support/sql.ts';
import { unhandledDuring } from '../support/uncaught-errors.ts';
import { add, describeTransact, insert } from './fixture.ts';

const oneId = { params: [['id', text]], columns: [] } as const;
const addAccount = exec<{ id: string }>({
  ...oneId,
  name: 'AddAccount',
  text: 'INSERT INTO account (id, n) VALUES ($1, 1)',
});
const oneAccount = one<{ id: string }, object>({
  ...oneId,
  name: 'OneAccount',
  text: 'SELECT id FROM account WHERE id = $1',
});
const ADD_ACCOUNTS = 'INSERT INTO account (id, n) SELECT unnest($1::TEXT[]), 1';
const addAccounts = insertRows<{ id: string }>({ ...oneId, name: 'AddAccounts', text: ADD_ACCOUNTS });
const addAccountsReturning = insertRowsReturning<{ id: string }, { id: string }>({
  ...oneId,
  name: 'AddAccountsReturning',
  text: `${ADD_ACCOUNTS} RETURNING id`,
  columns: [['id', text]],
});
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
      await expect(part!.execute(insert('late'))).rejects.toThrow(MisuseError);
    });
    const sent = await t.sent(async () => {
      await expect(leaked!.execute(insert('late'))).rejects.toThrow(MisuseError);
      await expect(leaked!.transact(async () => {})).rejects.toThrow(MisuseError);
      await expect(part!.transact(async () => {})).rejects.toThrow(MisuseError);
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
      expect(() => handles[1]!.onCommit(() => void ran.push('late'))).toThrow(MisuseError);
    });
    for (const tx of handles) {
      expect(() => tx.onCommit(() => void ran.push('late'))).toThrow(MisuseError);
      expect(() => tx.onRollback(() => void ran.push('late'))).toThrow(MisuseError);
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
        await expect(sibling).rejects.toThrow(MisuseError);
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

  const UNAWAITED: [string, (tx: Transaction, session: Session) => Promise<unknown>][] = [
    ['tx.execute', (tx) => tx.execute(insert('dup'))],
    ['a compiled query', (tx) => addAccount(tx, { id: 'dup' })],
    ['a :batch', (tx) => batch(addAccount)(tx, [{ id: 'un-1' }, { id: 'dup' }])],
    ['a :copyfrom', (tx) => addAccounts(tx, [{ id: 'dup' }])],
    ['a :copyfrom with RETURNING', (tx) => addAccountsReturning(tx, [{ id: 'dup' }])],
    ['tx.batch', (tx) => tx.batch([addAccount.with({ id: 'un-1' }), addAccount.with({ id: 'dup' })])],
    ['sendBatch', (tx) => sendBatch(tx, [addAccount.with({ id: 'un-1' }), addAccount.with({ id: 'dup' })])],
    ['tx.transact', (tx) => tx.transact((part) => part.execute(insert('dup')))],
    ['db.transact', () => t.db.transact((part) => part.execute(insert('dup')))],
    ['session.transact', (_, session) => session.transact((part) => part.execute(insert('dup')))],
    ['session.execute', (_, session) => session.execute(insert('dup'))],
    ['session.batch', (_, session) => session.batch([addAccount.with({ id: 'dup' })])],
    ['a compiled query on the session', (_, session) => addAccount(session, { id: 'dup' })],
    ['a statement that is refused before it is sent', (tx) => tx.execute(sql('SET a = 1'))],
    ['a batch with such a one', (tx) => tx.batch([{ statement: sql('SET a = 1'), result: () => 1 }])],
  ];
  test.each(UNAWAITED)(
    'line 15: un-awaited, %s that fails fails the transaction and ends no process',
    async (_, start) => {
      await t.direct.execute(insert('dup'));
      await using session = await t.db.startSession({ component: 'l15', intervalMs: 60_000 });
      for (const outer of [t.db, session]) {
        const unhandled = await unhandledDuring(async () => {
          const failing = outer.transact(async (tx) => {
            void tx.execute(insert('beside'));
            void start(tx, session);
          });
          await expect(failing).rejects.toMatchObject({ code: /^(23505|HOLDFAST_FORBIDDEN_STATEMENT)$/ });
        });
        expect(unhandled).toEqual([]);
        expect(await t.value('beside')).toBeUndefined();
      }
    },
  );

  test('line 15: outside of a transaction what nobody awaits is an unhandled rejection as ever', async () => {
    await t.direct.execute(insert('dup'));
    await using session = await t.db.startSession({ component: 'l15', intervalMs: 60_000 });
    const alone: (() => Promise<unknown>)[] = [
      () => t.db.execute(insert('dup')),
      () => addAccount(t.db, { id: 'dup' }),
      () => batch(addAccount)(t.db, [{ id: 'dup' }]),
      () => sendBatch(t.db, [addAccount.with({ id: 'dup' })]),
      () => t.db.transact((tx) => tx.execute(insert('dup'))),
      () => session.transact((tx) => tx.execute(insert('dup'))),
      () => session.execute(insert('dup')),
      () => session.batch([addAccount.with({ id: 'dup' })]),
      () => addAccount(session, { id: 'dup' }),
    ];
    for (const start of alone) {
      let told = () => {};
      const settled = new Promise<void>((resolve) => {
        told = resolve;
      });
      const unhandled = await unhandledDuring(async () => {
        process.once('unhandledRejection', told);
        start();
        await settled;
      });
      expect(unhandled, String(start)).toMatchObject([{ code: '23505' }]);
    }
  });

  test('line 15: what the transaction does not remember is not kept quiet inside of it either', async () => {
    await using session = await t.db.startSession({ component: 'l15', intervalMs: 60_000 });
    const mistakes: [string, (tx: Transaction) => Promise<unknown>][] = [
      ['HOLDFAST_INVALID_PARAMETER', (tx) => addAccount(tx, {} as { id: string })],
      ['HOLDFAST_ROW_COUNT', (tx) => oneAccount(tx, { id: 'nobody' })],
      ['HOLDFAST_INVALID_OPTION', () => session.execute(insert('x'), { isolaton: 1 } as TransactOptions)],
      ['HOLDFAST_INVALID_OPTION', () => t.db.transact(async () => {}, { isolaton: 1 } as TransactOptions)],
      ['HOLDFAST_NESTED_OPTIONS', () => t.db.transact(async () => {}, { commitMarker: true })],
    ];
    for (const [code, start] of mistakes) {
      const unhandled = await unhandledDuring(() =>
        t.db.transact(async (tx) => {
          void start(tx);
        }),
      );
      expect(unhandled).toMatchObject([{ code }]);
    }
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
    'SAVEPOINT mine',
    '/* mine */ release mine',
    'ROLLBACK TO mine',
    'rollback work to savepoint "mine"',
    'SAVEPOINT cockroach_restart',
    'RELEASE SAVEPOINT "cockroach_restart"',
    'ROLLBACK TO SAVEPOINT cockroach_restart',
    'CREATE TABLE sneaky (a INT8)',
    'DROP TABLE account',
    'TRUNCATE account',
    'COPY account FROM STDIN',
  ])('line 17: %j inside of the callback is refused before it is sent', async (text) => {
    const sent = await t.sent(() =>
      expect(t.db.transact((tx) => tx.execute(sql(text)))).rejects.toThrow(MisuseError),
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

  test('line 17: a savepoint of one’s own is refused by what does instead: tx.transact, which recovers', async () => {
    await expect(t.db.transact((tx) => tx.execute(sql('SAVEPOINT mine')))).rejects.toThrow(
      /use tx\.transact/,
    );
    await t.db.transact(async (tx) => {
      await tx.execute(insert('c17'));
      const part = tx.transact((inner) => inner.execute(insert('c17')));
      await expect(part).rejects.toMatchObject({ code: '23505' });
      await tx.execute(insert('c17-behind'));
    });
    expect([await t.value('c17'), await t.value('c17-behind')]).toEqual([1, 1]);
  });

  test.each([
    'COPY account FROM STDIN',
    'copy account (id, n) to stdout',
    '/* a */ COPY (SELECT id FROM account WHERE id IN (SELECT 1::TEXT)) TO STDOUT WITH (FORMAT csv)',
  ])(
    'line 17: %j, which would never be answered, is refused everywhere before anything is sent',
    async (text) => {
      await using session = await t.db.startSession({ component: 'copy', intervalMs: 3_600_000 });
      const both = [
        { statement: insert('beside'), result: () => 1 },
        { statement: sql(text), result: () => 1 },
      ];
      const sent = await t.sent(async () => {
        await expect(t.db.execute(sql(text))).rejects.toThrow(MisuseError);
        await expect(t.db.guardedWithin(60_000).execute(sql(text))).rejects.toThrow(MisuseError);
        await expect(session.execute(sql(text))).rejects.toThrow(/COPY .* use a `:copyfrom` query/);
        await expect(session.batch(both)).rejects.toThrow(MisuseError);
        await expect(t.db.transact((tx) => tx.batch(both))).rejects.toThrow(MisuseError);
      });
      expect(sent.filter((one) => one === text || /^INSERT/.test(one))).toEqual([]);
    },
  );

  test('line 17: DDL passes when it is asked for', async () => {
    const table = `ddl_${t.driver}`;
    await t.db.transact((tx) => tx.execute(sql(`CREATE TABLE ${table} (a INT8)`)), { allowDdl: true });
    expect((await t.direct.execute(sql(`SELECT count(*) FROM ${table}`))).rows).toEqual([['0']]);
    await t.db.transact((tx) => tx.execute(sql(`DROP TABLE ${table}`)), { allowDdl: true });
  });
});
