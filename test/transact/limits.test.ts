import { expect, test } from 'vitest';
import { AmbiguousCommitError, DeadlineExceededError, RetriesExhaustedError } from '../../src/base/index.ts';
import { cut, FakeClock, stall } from '../../src/testing/index.ts';
import { retryDelayMs } from '../../src/transact/index.ts';
import { waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { cockroach, describeTransact, insert, read } from './fixture.ts';

/** `59998ms`, `1min` or a number of milliseconds. */
const inMs = (setting: string) =>
  Number.parseFloat(setting) * (/min$/.test(setting) ? 60_000 : /\ds$/.test(setting) ? 1_000 : 1);

describeTransact('limits', (t) => {
  const sleep = sql('SELECT pg_sleep(30)');

  test('line 27: retries are finite, 0 is one attempt, and the error tells attempts, time and the last error', async () => {
    t.fail(/INSERT/, '40001', Infinity);
    for (const maxRetries of [0, 3]) {
      let calls = 0;
      const failing = t.db.transact(
        (tx) => {
          calls++;
          return tx.execute(insert('l27'));
        },
        { maxRetries, name: 'limited' },
      );
      const error = (await failing.catch((thrown: unknown) => thrown)) as RetriesExhaustedError;
      expect(error).toBeInstanceOf(RetriesExhaustedError);
      expect(error).toMatchObject({ attempts: maxRetries + 1, cause: { code: '40001' } });
      expect(error.elapsedMs).toBeGreaterThan(0);
      expect(error.message).toContain('limited');
      expect(calls).toBe(maxRetries + 1);
    }
    let calls = 0;
    const endless = t.db.transact(
      async () => {
        if (++calls < 6) throw Object.assign(new Error('again'), { code: '40001' });
        return 'at last';
      },
      { maxRetries: Infinity },
    );
    expect(await endless).toBe('at last');
  });

  test('line 27: without options a callback that always fails is called 16 times', async () => {
    const db = await t.open({ pool: { max: 1 } });
    await db.execute(read('x'));
    using clock = new FakeClock();
    let calls = 0;
    let settled = false;
    const failing = db.transact(async () => {
      // Retries without an end would be another failure, not another timeout.
      if (++calls > 50) throw new Error('it goes on and on');
      throw Object.assign(new Error('again'), { code: '40001' });
    });
    failing
      .catch(() => {})
      .finally(() => {
        settled = true;
      });
    while (!settled) {
      await new Promise((resolve) => setImmediate(resolve));
      if (db.stats.busy === 0) await clock.advance(1_000);
    }
    await expect(failing).rejects.toMatchObject({ code: 'HOLDFAST_RETRIES_EXHAUSTED', attempts: 16 });
    expect(calls).toBe(16);
  });

  test('line 28: the first retry is immediate, then full jitter, capped', () => {
    expect(retryDelayMs(1, () => 1)).toBe(0);
    const most = Array.from({ length: 40 }, (_, i) => retryDelayMs(i + 2, () => 0.999_999));
    for (let i = 1; i < most.length; i++) expect(most[i]!).toBeGreaterThanOrEqual(most[i - 1]!);
    expect(most.at(-1)).toBeLessThanOrEqual(1_000);
    expect(retryDelayMs(9, () => 0)).toBe(0);
  });

  test('line 28: no delay crosses the deadline', async () => {
    const db = await t.open({ pool: { max: 1 } });
    await db.execute(read('x'));
    using clock = new FakeClock();
    const start = clock.elapsedMs;
    let endedAt: number | undefined;
    const failing = db.transact(
      async () => {
        throw Object.assign(new Error('again'), { code: '40001' });
      },
      { deadlineMs: 20_000, maxRetries: Infinity },
    );
    failing
      .catch(() => {})
      .finally(() => {
        endedAt = clock.elapsedMs;
      });
    // Only while it pauses; the server takes no time by this clock.
    while (endedAt === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      if (db.stats.busy === 0) await clock.advance(25);
    }
    await expect(failing).rejects.toThrow(DeadlineExceededError);
    expect(endedAt - start).toBeGreaterThanOrEqual(19_900);
    expect(endedAt - start).toBeLessThanOrEqual(20_100);
  });

  test('line 29: aborted before it begins: rejected at once, nothing is sent', async () => {
    const reason = new Error('not wanted');
    const sent = await t.sent(() =>
      expect(t.db.transact(async () => {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason),
    );
    expect(sent).toEqual([]);
  });

  test('line 29: aborted while waiting for a connection: it leaves the queue', async () => {
    const db = await t.open({ pool: { max: 1 } });
    const controller = new AbortController();
    const reason = new Error('tired of waiting');
    let waiting: Promise<unknown> = Promise.resolve();
    const holder = db.transact(async () => {
      await waitFor(() => db.stats.waiting === 1);
      controller.abort(reason);
      await waiting.catch(() => {});
      expect(db.stats.waiting).toBe(0);
    });
    waiting = db.transact(async () => {}, { signal: controller.signal });
    await expect(waiting).rejects.toBe(reason);
    await holder;
  });

  test('line 29: aborted while it sleeps: it wakes', async () => {
    const db = await t.open({ pool: { max: 1 } });
    await db.execute(read('x'));
    // Its time stands still, so nothing but the signal can end the pause.
    using _clock = new FakeClock();
    const controller = new AbortController();
    const reason = new Error('wake');
    let attempts = 0;
    const failing = db.transact(
      async (_, { attempt }) => {
        attempts = attempt;
        throw Object.assign(new Error('again'), { code: '40001' });
      },
      { signal: controller.signal, maxRetries: Infinity },
    );
    failing.catch(() => {});
    while (attempts < 2 || db.stats.busy > 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(reason);
    await expect(failing).rejects.toBe(reason);
    expect(attempts).toBe(2);
  });

  test('line 29: aborted during a query: canceled on the server, settled, rolled back', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const running = t.db.transact(
      async (tx) => {
        await tx.execute(insert('l29'));
        await tx.execute(sleep);
      },
      { signal: controller.signal },
    );
    running.catch(() => {});
    const active = cockroach
      ? sql("SELECT 1 FROM [SHOW QUERIES] WHERE query LIKE '%pg_sleep(3%' AND query NOT LIKE '%SHOW%'")
      : sql(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(3%' AND pid <> pg_backend_pid()",
        );
    const count = async () => (await t.direct.execute(active)).rows.length;
    await waitFor(async () => (await count()) === 1);
    const { cancelRequests } = t.proxy.traffic;
    const happened: string[] = [];
    const stop = t.proxy.watch(({ sqlState, tag }) => {
      if (sqlState === '57014') happened.push('canceled');
      if (tag === 'ROLLBACK') happened.push('rolled back');
    });
    running.catch(() => happened.push('rejected'));
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    stop();
    // Settled on the server when it rejects, not some time after.
    expect(happened).toEqual(['canceled', 'rolled back', 'rejected']);
    await waitFor(async () => (await count()) === 0);
    expect(t.proxy.traffic.cancelRequests).toBe(cancelRequests + 1);
    expect(await t.value('l29')).toBeUndefined();
  });

  test('line 29: aborted after the commit was sent: no cancel, the true outcome is told', async () => {
    const controller = new AbortController();
    const fault = t.proxy.inject({
      direction: 'to-client',
      at: ({ tag }) => tag === 'COMMIT',
      action: stall(),
    });
    const { cancelRequests } = t.proxy.traffic;
    const running = t.db.transact(
      async (tx) => {
        await tx.execute(insert('l29c'));
        return 'committed';
      },
      { signal: controller.signal },
    );
    let isSettled = false;
    running
      .catch(() => {})
      .finally(() => {
        isSettled = true;
      });
    await fault.struck;
    {
      // Far past what a server is given to answer when what is stopped is not a commit.
      using clock = new FakeClock();
      controller.abort(new Error('too late'));
      await clock.advance(60_000);
    }
    await waitFor(async () => (await t.value('l29c')) === 1);
    expect(isSettled).toBe(false);
    fault.release();
    expect(await running).toBe('committed');
    expect(t.proxy.traffic.cancelRequests).toBe(cancelRequests);
  });

  test('line 30: the deadline covers attempts and is mirrored to the server', async () => {
    const seen: string[] = [];
    const hasTransactionTimeout = !cockroach && t.db.engine.capabilities.transactionTimeout;
    await t.db.transact(
      async (tx) => {
        for (const setting of [
          'statement_timeout',
          ...(hasTransactionTimeout ? ['transaction_timeout'] : []),
        ]) {
          const { rows } = await tx.execute(sql(`SHOW ${setting}`));
          seen.push(rows[0]![0]!);
        }
      },
      { deadlineMs: 60_000 },
    );
    // The statement's until the deadline, the transaction's a little later, since it ends the connection.
    const [statementMs, transactionMs] = seen.map(inMs);
    expect(statementMs).toBeGreaterThan(30_000);
    expect(statementMs).toBeLessThanOrEqual(60_000);
    if (hasTransactionTimeout) expect(transactionMs).toBe(statementMs! + 5_000);
    const running = t.db.transact((tx) => tx.execute(sleep), { deadlineMs: 150 });
    await expect(running).rejects.toThrow(DeadlineExceededError);
  });

  test('line 30: the server ends the statement by itself when no cancel reaches it', async () => {
    const lost = t.proxy.inject({
      direction: 'to-server',
      at: ({ type }) => type === 'cancel-request',
      action: cut(),
      startup: true,
      times: Infinity,
    });
    const ended = t.proxy.next(({ sqlState }) => sqlState === '57014');
    const running = t.db.transact((tx) => tx.execute(sleep), { deadlineMs: 300 });
    await expect(running).rejects.toThrow(DeadlineExceededError);
    await ended;
    lost.remove();
  });

  test('line 30: a server that falls silent cannot hold the caller past the deadline', async () => {
    const db = await t.open({ pool: { max: 1 } });
    await db.execute(read('x'));
    const fault = t.proxy.inject({ direction: 'to-client', action: stall() });
    // The server says nothing until the fault is removed: only the deadline can end this.
    await expect(db.transact((tx) => tx.execute(read('x')), { deadlineMs: 100 })).rejects.toThrow(
      DeadlineExceededError,
    );
    fault.remove();
  });

  test('line 30: silence while committing is an ambiguous outcome, told soon after the deadline', async () => {
    const fault = t.proxy.inject({
      direction: 'to-client',
      at: ({ tag }) => tag === 'COMMIT',
      action: stall(),
    });
    await expect(t.db.transact((tx) => tx.execute(insert('l30')), { deadlineMs: 1_500 })).rejects.toThrow(
      AmbiguousCommitError,
    );
    fault.remove();
    expect(await t.value('l30')).toBe(1);
  });
});
