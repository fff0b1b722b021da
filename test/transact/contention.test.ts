import { afterAll, describe, expect, test } from 'vitest';
import { ConnectionLostError, type Database } from '../../src/index.ts';
import { FakeClock, interleave, type Turn } from '../../src/testing/index.ts';
import { seededRandom } from '../support/database.ts';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { sql } from '../support/sql.ts';
import {
  type CommittedTransaction,
  NotSerializableError,
  replay,
  serialOrder,
} from './contention/history.ts';
import { assertFair, assertSerializable, contend, describeFates, resetCells } from './contention/run.ts';
import { CREATE_CELLS, LOCKINGS, readModifyWrite, WORKLOADS } from './contention/workloads.ts';
import { add, cockroach, describeTransact, failing, insert, read } from './fixture.ts';

/** `npm run contention`: every size, and the measure of the advice on locks. */
const FULL = process.env['HOLDFAST_CONTENTION'] === 'full';
/** Workers and rows. */
const SIZES: readonly (readonly [workers: number, rows: number])[] = FULL
  ? [2, 8, 32, 64].flatMap((workers) => [1, 10, 100, 1_000].map((rows) => [workers, rows] as const))
  : [
      [2, 1],
      [8, 10],
      [32, 100],
    ];
const TRANSACTIONS_EACH = FULL ? 12 : 4;
const LEAST_TRANSACTIONS = FULL ? 100 : 64;
/** Counted where nothing else runs: beside other test files a server process may have to wait for a component. */
const OVERTAKEN_TIMES = FULL ? 6 : undefined;
const HOUR_MS = 3_600_000;

const telemetry = recordTelemetry();
afterAll(() => telemetry.stop());

/** Retries that the metrics have counted, by cause. */
async function retriesByCause(): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { attributes, value } of await telemetry.points('holdfast.transactions.retried')) {
    const cause = [attributes['error.type'], attributes['holdfast.retry.reason']].filter(Boolean).join(' ');
    counts.set(cause, (counts.get(cause) ?? 0) + (value as number));
  }
  return counts;
}
const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0);

/** Opens as many connections, so that nobody waits for one that is being opened. */
async function openAll(db: Database, count: number): Promise<void> {
  let begun = 0;
  let all = () => {};
  const together = new Promise<void>((resolve) => {
    all = resolve;
  });
  const hold = async () => {
    if (++begun === count) all();
    await together;
  };
  await Promise.all(Array.from({ length: count }, () => db.transact(hold)));
}

describeTransact('contention', (t) => {
  const number = async (tx: { execute: typeof t.db.execute }, id: string) =>
    Number((await tx.execute(read(id))).rows[0]![0]);
  const put = (id: string, n: number) => sql('UPDATE account SET n = $2 WHERE id = $1', id, String(n));
  const openCells = async (workers: number) => {
    const db = await t.open({ pool: { max: workers }, url: t.database.url });
    await db.execute(sql(CREATE_CELLS.replace('TABLE', 'TABLE IF NOT EXISTS')));
    await openAll(db, workers);
    return db;
  };

  test('write skew: of two doctors on call one stays, whatever the interleaving', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const ids = [`skew-${seed}-a`, `skew-${seed}-b`] as const;
      for (const id of ids) await t.direct.execute(insert(id, 1));
      const leave = (mine: string) => (turn: Turn) =>
        t.db.transact(async (tx) => {
          const onCall = (await number(tx, ids[0])) + (await number(tx, ids[1]));
          await turn(mine);
          if (onCall > 1) await tx.execute(put(mine, 0));
        });
      await interleave({ seed, blockedAfterMs: 30 }, ids.map(leave));
      expect(((await t.value(ids[0])) ?? 0) + ((await t.value(ids[1])) ?? 0), `seed ${seed}`).toBe(1);
    }
  });

  // The full matrix runs on one driver: what contends is the server.
  const sizes = FULL && t.driver === 'postgres' ? SIZES.slice(0, 1) : SIZES;
  describe.each(WORKLOADS)('$name', (workload) => {
    test.each(sizes)(
      `by %i workers over %i rows: equal to a serial order, attempts bounded, ${FULL ? 'nobody starves, ' : ''}retries counted by cause`,
      async (workers, rows) => {
        const db = await openCells(workers);
        await resetCells(db, rows);
        const random = seededRandom(`${workload.name} ${workers}x${rows}`);
        const before = sum((await retriesByCause()).values());
        const transactions = Math.max(LEAST_TRANSACTIONS, workers * TRANSACTIONS_EACH);
        // With the retries that every transaction has by default: RetriesExhaustedError would fail the test.
        const result = await contend(db, { workload, workers, rows, transactions, random });
        await assertSerializable(db, result);
        assertFair(result, {
          workers,
          times: OVERTAKEN_TIMES,
          serverQueues: cockroach && workload === readModifyWrite,
        });
        const counted = await retriesByCause();
        expect(sum(counted.values()) - before).toBe(result.retries);
        console.log(`${workload.name}, ${workers} workers, ${rows} rows: ${describeFates(result)}`);
      },
      120_000,
    );
  });

  test('the check has teeth: two unprotected updates and a skew have no serial order', async () => {
    const one = (n: number, reads: [number, number][], writes: [number, number][]): CommittedTransaction => ({
      number: n,
      reads: new Map(reads),
      writes: new Map(writes),
    });
    const lost = [one(1, [[0, 0]], [[0, 1]]), one(2, [[0, 0]], [[0, 1]])];
    const both: [number, number][] = [
      [0, 0],
      [1, 0],
    ];
    const skew = [one(1, both, [[0, 1]]), one(2, both, [[1, 1]])];
    for (const history of [lost, skew]) expect(() => serialOrder(history)).toThrow(NotSerializableError);
    const fine = [one(3, [[0, 2]], [[0, 3]]), one(1, both, [[0, 1]]), one(2, [[0, 1]], [[0, 2]])];
    expect(serialOrder(fine).map((each) => each.number)).toEqual([1, 2, 3]);
    expect(replay(serialOrder(fine))).toEqual(new Map([[0, 3]]));
    expect(() => replay(fine)).toThrow(NotSerializableError);

    // And on the database: statements without a transaction around them lose updates.
    const db = await openCells(2);
    await resetCells(db, 1);
    const [workload] = WORKLOADS;
    const unprotected = (n: number) => async (turn: Turn) => {
      const trace = { reads: new Map<number, number>(), writes: new Map<number, number>() };
      const executor = {
        execute: async (statement: Parameters<typeof db.execute>[0]) => {
          await turn('statement');
          return db.execute(statement);
        },
      };
      await workload.run(executor, [0], trace);
      return { number: n, ...trace };
    };
    const verdicts: string[] = [];
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      await resetCells(db, 1);
      const { values } = await interleave({ seed }, [unprotected(1), unprotected(2)]);
      try {
        replay(serialOrder(values));
        verdicts.push('serial');
      } catch (error) {
        expect(error).toBeInstanceOf(NotSerializableError);
        verdicts.push('cycle');
      }
    }
    expect(verdicts).toContain('cycle');
  });

  test('retries are counted by cause: as many of each as were injected', async () => {
    const before = await retriesByCause();
    await t.direct.execute(insert('cause', 0));
    t.proxy.inject(failing(/^UPDATE/, '40001', 3));
    await t.db.transact((tx) => tx.execute(add('cause')));
    t.proxy.inject(failing(/^UPDATE/, '40P01', 2));
    await t.db.transact((tx) => tx.execute(add('cause')));
    await t.db.transact(async (tx, { attempt }) => {
      if (attempt === 1) t.proxy.cutAll();
      await tx.execute(add('cause'));
    });
    const after = await retriesByCause();
    const grown = [...after].flatMap(([cause, count]) => {
      const more = count - (before.get(cause) ?? 0);
      return more > 0 ? [[cause, more]] : [];
    });
    expect(Object.fromEntries(grown)).toEqual({ '40001': 3, '40P01': 2, HOLDFAST_CONNECTION_LOST: 1 });
    expect(await t.value('cause')).toBe(3);
  });

  /** Connections that are there before the clock is faked: opening one takes real time. */
  const warm = async (connections = 4) => {
    const db = await t.open({ pool: { max: connections } });
    await openAll(db, connections);
    return db;
  };
  /** Loses three times, then does `last`. `reached` resolves when that begins. */
  const starve = (
    db: Database,
    name: string,
    last: () => Promise<void>,
    signal?: AbortSignal,
    loss: () => Error = () => Object.assign(new Error('lost again'), { code: '40001' }),
  ) => {
    let reached = false;
    const earlier = db.transact(
      async (_, { attempt }) => {
        if (attempt <= 3) throw loss();
        reached = true;
        await last();
      },
      { name, ...(signal ? { signal } : {}) },
    );
    earlier.catch(() => {});
    return { earlier, reached: () => reached };
  };
  /** Moves the clock on whenever nothing but the clock is waited for. */
  const advanceUntil = async (clock: FakeClock, db: Database, reached: () => boolean) => {
    while (!reached()) {
      await new Promise((resolve) => setImmediate(resolve));
      if (db.stats.busy + db.stats.opening === 0) await clock.advance(1);
    }
  };

  test('newcomers of its kind stand back for one that has lost three times; others do not', async () => {
    const db = await warm();
    using clock = new FakeClock();
    const order: string[] = [];
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { earlier, reached } = starve(db, 'hot', async () => {
      await gate;
      order.push('earlier');
    });
    await advanceUntil(clock, db, reached);
    const begin = (name: string, label: string) => db.transact(() => void order.push(label), { name });
    const newcomer = begin('hot', 'newcomer');
    await begin('cold', 'other');
    expect(order).toEqual(['other']);
    go();
    await Promise.all([earlier, newcomer]);
    expect(order).toEqual(['other', 'earlier', 'newcomer']);
  });

  test('nobody stands back for one that only lost its connections', async () => {
    // None has to be opened while the clock stands still.
    const db = await warm(8);
    using clock = new FakeClock();
    const stop = new AbortController();
    const lost = () => new ConnectionLostError('the server went away');
    const { earlier, reached } = starve(db, 'hot', () => new Promise(() => {}), stop.signal, lost);
    await advanceUntil(clock, db, reached);
    expect(await db.transact(() => 'at once', { name: 'hot' })).toBe('at once');
    stop.abort(new Error('enough'));
    await expect(earlier).rejects.toThrow('enough');
  });

  test('a newcomer stands back for a bounded time, and no longer than its own signal lets it', async () => {
    const db = await warm();
    using clock = new FakeClock();
    const stop = new AbortController();
    const reason = new Error('enough');
    const { earlier, reached } = starve(db, 'stuck', () => new Promise(() => {}), stop.signal);
    await advanceUntil(clock, db, reached);
    const leaving = new AbortController();
    const impatient = db.transact(() => {}, { name: 'stuck', signal: leaving.signal });
    leaving.abort(reason);
    await expect(impatient).rejects.toBe(reason);
    const patient = db.transact(() => 'begun all the same', { name: 'stuck' });
    await clock.advance(1_000);
    expect(await patient).toBe('begun all the same');
    stop.abort(reason);
    await expect(earlier).rejects.toBe(reason);
  });

  if (FULL && t.driver === 'pg') {
    test(
      'the advice on locks, measured',
      async () => {
        const table: object[] = [];
        for (const workload of LOCKINGS) {
          for (const [workers, rows] of [
            [8, 10],
            [32, 10],
            [32, 100],
          ] as const) {
            const db = await openCells(workers);
            await resetCells(db, rows);
            const random = seededRandom(`${workload.name} ${workers}x${rows}`);
            const result = await contend(db, {
              workload,
              workers,
              rows,
              transactions: workers * 12,
              random,
              maxRetries: 200,
            });
            await assertSerializable(db, result);
            table.push({ workload: workload.name, workers, rows, result: describeFates(result) });
          }
        }
        console.table(table);
      },
      HOUR_MS,
    );
  }

  test('blind increments by sixteen workers lose none', async () => {
    const db = await t.open({ pool: { max: 16 } });
    await t.direct.execute(insert('blind', 0));
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let i = 0; i < 4; i++) await db.transact((tx) => tx.execute(add('blind')));
      }),
    );
    expect(await t.value('blind')).toBe(64);
  });
});
