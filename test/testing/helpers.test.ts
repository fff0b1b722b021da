import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { FakeClock, interleave, randomFrom, type Turn, testDatabases } from '../../src/testing/index.ts';
import { createEmptyTestDatabase } from '../support/database.ts';
import { sql } from '../support/sql.ts';

test('the fake clock fires timers in the order of their time, and gives real time back', async () => {
  const real = [setTimeout, performance.now, Date.now];
  const fired: string[] = [];
  {
    using clock = new FakeClock();
    const start = performance.now();
    setTimeout(() => fired.push('late'), 50).unref();
    setTimeout(
      (text: string) => {
        fired.push(text);
        setTimeout(() => fired.push('nested'), 5);
      },
      10,
      'early',
    );
    const every = setInterval(() => fired.push('tick'), 20);
    clearTimeout(setTimeout(() => fired.push('never'), 1));
    await clock.advance(45);
    clearInterval(every);
    await clock.advance(5);
    expect(fired).toEqual(['early', 'nested', 'tick', 'tick', 'late']);
    expect(performance.now() - start).toBeCloseTo(50, 3);
    expect(clock.pending).toBe(0);
  }
  expect([setTimeout, performance.now, Date.now].map(String)).toEqual(real.map(String));
  expect(Date.now()).toBeGreaterThan(0);
});

test('the scheduler: one seed one order, and some seed finds the lost update', async () => {
  const lostUpdate = async (seed: number) => {
    let n = 0;
    const add = async (turn: Turn) => {
      const read = n;
      await turn('read');
      n = read + 1;
    };
    const { trace } = await interleave({ seed }, [add, add, add]);
    return { trace: trace.join(), n };
  };
  const outcomes = await Promise.all(Array.from({ length: 30 }, (_, seed) => lostUpdate(seed)));
  expect(new Set(outcomes.map(({ n }) => n)).size).toBeGreaterThan(1);
  for (const seed of [0, 11, 29]) expect(await lostUpdate(seed)).toEqual(outcomes[seed]);
  expect(randomFrom(5)()).toBe(randomFrom(5)());
});

test('the scheduler passes over a task that waits for another one, and passes errors on', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { values } = await interleave({ seed: 1, blockedAfterMs: 10 }, [
    async () => {
      await gate;
      return 'waited';
    },
    async (turn) => {
      await turn('before');
      open();
      return 'opened';
    },
  ]);
  expect(values).toEqual(['waited', 'opened']);
  const failing = interleave({ seed: 1 }, [async () => Promise.reject(new Error('task failed'))]);
  await expect(failing).rejects.toThrow('task failed');
});

test('databases of their own: migrated, prepared, dropped', async () => {
  await using server = await createEmptyTestDatabase();
  const prepared: string[] = [];
  await using databases = await testDatabases({
    url: server.url,
    prepare: async (url) => {
      prepared.push(url);
      await using db = await connect({ url });
      await db.execute(sql('CREATE TABLE own (a INT8)'));
    },
  });
  const [first, second] = await Promise.all([databases.create(), databases.create()]);
  await using a = await connect({ url: first.url });
  await using b = await connect({ url: second.url });
  await a.execute(sql('INSERT INTO own (a) VALUES (1)'));
  expect((await b.execute(sql('SELECT count(*) FROM own'))).rows).toEqual([['0']]);
  await b.close();
  await second[Symbol.asyncDispose]();
  // CockroachDB tells only when the database is used.
  const use = async () => {
    await using db = await connect({ url: second.url });
    await db.execute(sql('SELECT count(*) FROM own'));
  };
  await expect(use()).rejects.toThrow(/own|database/);
});
