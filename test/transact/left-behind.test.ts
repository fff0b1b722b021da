import { expect, test } from 'vitest';
import { MisuseError } from '../../src/base/index.ts';
import { stall } from '../../src/testing/index.ts';
import { claimMany } from '../support/claim.ts';
import { add, describeTransact, insert, read } from './fixture.ts';

const serialization = () => Object.assign(new Error('as contention would'), { code: '40001' });

/** A promise that a test settles. */
const gate = () => Promise.withResolvers<void>();

// What a callback began and did not await goes on when its attempt is over. It must not commit by itself what was
// meant to be part of a transaction that was not committed, nor once more beside the next attempt.
describeTransact('left behind', (t) => {
  test('line 14: once it is stopped what the callback still calls is refused, and nothing of it is applied', async () => {
    await using session = await t.db.startSession({ component: 'left', intervalMs: 60_000 });
    const inside = gate();
    const over = gate();
    const done = gate();
    const left: Promise<unknown>[] = [];
    const abort = new AbortController();
    const reason = new Error('enough');
    const stopped = session.transact(
      async (tx) => {
        await tx.execute(insert('first'));
        inside.resolve();
        await over.promise;
        for (const call of [
          () => session.execute(insert('ghost')),
          () => session.transact((inner) => inner.execute(insert('ghost'))),
          () => t.db.transact((inner) => inner.execute(insert('ghost'))),
        ])
          left.push(call().catch((error: unknown) => error));
        done.resolve();
      },
      { signal: abort.signal },
    );
    await inside.promise;
    abort.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    over.resolve();
    await done.promise;
    expect(left).toHaveLength(3);
    for (const error of await Promise.all(left)) expect(error).toBeInstanceOf(MisuseError);
    expect([await t.value('first'), await t.value('ghost')]).toEqual([undefined, undefined]);
  });

  test('line 9: a branch of a failed attempt does not commit beside the next attempt', async () => {
    await t.direct.execute(insert('n', 0));
    const open = gate();
    let ghost: Promise<unknown> | undefined;
    await t.db.transact(async (_, { attempt }) => {
      const part = async () => {
        if (attempt === 1) await open.promise;
        await t.db.transact((inner) => inner.execute(add('n')));
      };
      if (attempt > 1) return part();
      ghost = part().catch((error: unknown) => error);
      throw serialization();
    });
    open.resolve();
    expect(await ghost).toBeInstanceOf(MisuseError);
    expect(await t.value('n')).toBe(1);
  });

  test('a part that was rolled back is over too, though the whole went on and committed', async () => {
    const open = gate();
    let ghost: Promise<unknown> | undefined;
    await t.db.transact(async (tx) => {
      await tx.execute(insert('whole'));
      const part = tx.transact(async () => {
        ghost = open.promise
          .then(() => t.db.transact((inner) => inner.execute(insert('ghost'))))
          .catch((error: unknown) => error);
        throw new Error('the part fails');
      });
      await part.catch(() => {});
    });
    open.resolve();
    expect(await ghost).toBeInstanceOf(MisuseError);
    expect([await t.value('whole'), await t.value('ghost')]).toEqual([1, undefined]);
  });

  test('what begins while the commit is under way waits for its outcome', async () => {
    for (const [id, sqlState] of [
      ['committed', undefined],
      ['refused', '23505'],
    ] as const) {
      const answer = t.proxy.inject({
        direction: 'to-client',
        at: ({ tag, sqlState: state }) => tag === 'COMMIT' || tag === 'RELEASE' || state === '23505',
        action: stall(),
      });
      if (sqlState) t.fail(/^(COMMIT|RELEASE)/, sqlState);
      const open = gate();
      let later: Promise<unknown> | undefined;
      const whole = t.db
        .transact(async (tx) => {
          await tx.execute(insert(id));
          later = open.promise
            .then(() => t.db.transact((own) => own.execute(insert(`${id} later`))))
            .catch((error: unknown) => error);
        })
        .catch((error: unknown) => error);
      await answer.struck;
      open.resolve();
      await new Promise(setImmediate);
      answer.remove();
      await whole;
      const outcome = await later;
      if (sqlState) expect(outcome).toBeInstanceOf(MisuseError);
      expect(await t.value(`${id} later`)).toBe(sqlState ? undefined : 1);
    }
  });

  test('what commits by itself is refused to it too', async () => {
    await using session = await t.db.startSession({ component: 'left', intervalMs: 60_000 });
    const open = gate();
    let ghost: Promise<unknown> | undefined;
    const failed = session.transact(async () => {
      ghost = open.promise
        .then(() => claimMany(session, 'left', 1, () => ['a']))
        .catch((error: unknown) => error);
      throw new Error('the whole fails');
    });
    await expect(failed).rejects.toThrow('the whole fails');
    open.resolve();
    expect(await ghost).toBeInstanceOf(MisuseError);
    expect(session.held).toEqual([]);
  });

  test('line 15: a part that fails and is rolled back alone is not lost in silence', async () => {
    await t.direct.execute(insert('dup'));
    const uncaught: unknown[] = [];
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (error: { code?: unknown }) => uncaught.push(error.code));
    try {
      await t.db.transact(async (tx) => {
        void tx.transact((part) => part.execute(insert('dup')));
        await tx.execute(read('dup'));
        await tx.execute(insert('whole'));
      });
      await new Promise(setImmediate);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const other of others) process.on('unhandledRejection', other);
    }
    expect(uncaught).toEqual(['23505']);
    expect(await t.value('whole')).toBe(1);
  });

  test('what outlives a committed transaction is a transaction of its own', async () => {
    const open = gate();
    let later: Promise<unknown> | undefined;
    await t.db.transact(async (tx) => {
      await tx.execute(insert('whole'));
      later = open.promise.then(() => t.db.transact((own) => own.execute(insert('later'))));
    });
    open.resolve();
    await later;
    expect([await t.value('whole'), await t.value('later')]).toEqual([1, 1]);
  });
});
