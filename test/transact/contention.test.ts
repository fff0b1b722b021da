import { expect, test } from 'vitest';
import { interleave, type Turn } from '../../src/testing/index.ts';
import { seededRandom } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { add, describeTransact, insert, read } from './fixture.ts';

describeTransact('contention', (t) => {
  const number = async (tx: { execute: typeof t.db.execute }, id: string) =>
    Number((await tx.execute(read(id))).rows[0]![0]);
  const put = (id: string, n: number) => sql('UPDATE account SET n = $2 WHERE id = $1', id, String(n));

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

  test.each([
    [2, 1],
    [8, 1],
    [32, 10],
  ])(
    '%i workers read, think and write over %i rows: every outcome is that of some serial order',
    async (workers, rows) => {
      const random = seededRandom(`contention ${workers}x${rows}`);
      const db = await t.open({ pool: { max: workers } });
      const id = (row: number) => `row-${workers}-${rows}-${row}`;
      for (let row = 0; row < rows; row++) await t.direct.execute(insert(id(row), 0));
      const rounds = workers === 32 ? 3 : 6;
      const plan = Array.from({ length: workers }, () =>
        Array.from({ length: rounds }, () => random.integer(0, rows - 1)),
      );
      const written = new Map<number, number[]>();
      let mostAttempts = 0;
      await Promise.all(
        plan.map(async (targets) => {
          for (const row of targets) {
            const mine = await db.transact(
              async (tx, { attempt }) => {
                mostAttempts = Math.max(mostAttempts, attempt);
                // Taking the lock first is what makes a hot row cheap; without it the loser finds out late.
                await tx.execute(sql('SELECT n FROM account WHERE id = $1 FOR UPDATE', id(row)));
                const seen = await number(tx, id(row));
                await tx.execute(put(id(row), seen + 1));
                return seen + 1;
              },
              { maxRetries: 500 },
            );
            written.set(row, [...(written.get(row) ?? []), mine]);
          }
        }),
      );
      // A serial order exists if and only if each row was counted up without a gap or a repetition.
      for (const [row, values] of written) {
        expect(values.toSorted((a, b) => a - b)).toEqual(values.map((_, i) => i + 1));
        expect(await t.value(id(row))).toBe(values.length);
      }
      expect(mostAttempts).toBeLessThan(500);
    },
  );

  test('blind increments by sixteen workers lose none', async () => {
    const db = await t.open({ pool: { max: 16 } });
    await t.direct.execute(insert('blind', 0));
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let i = 0; i < 4; i++) await db.transact((tx) => tx.execute(add('blind')), { maxRetries: 500 });
      }),
    );
    expect(await t.value('blind')).toBe(64);
  });
});
