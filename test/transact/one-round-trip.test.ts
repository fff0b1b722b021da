import { expect, expectTypeOf, test } from 'vitest';
import { SessionExpiredError } from '../../src/base/index.ts';
import { closeSessions, listSessions } from '../../src/queries/sessions.ts';
import { int8, one, sendBatch, text } from '../../src/query/index.ts';
import { cut, dropReply } from '../../src/testing/index.ts';
import { DRIVERS } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { add, cockroach, describeTransact, insert, read } from './fixture.ts';

const greet = one<{ name: string }, { greeting: string }>({
  name: 'Greet',
  text: "SELECT 'hello ' || $1::TEXT AS greeting",
  params: [['name', text]],
  columns: [['greeting', text]],
});
const double = one<{ n: bigint }, { twice: bigint }>({
  name: 'Double',
  text: 'SELECT $1::INT8 * 2 AS twice',
  params: [['n', int8]],
  columns: [['twice', int8]],
});

describeTransact(
  'one round trip',
  (t) => {
    const open = async () => {
      const db = await t.open({ pool: { max: 1 } });
      return { db, session: await db.startSession({ component: 'round trip', intervalMs: 3_600_000 }) };
    };

    test('a fenced single statement is one round trip, on its first run and prepared', async () => {
      const { session } = await open();
      for (const id of ['f1', 'f2', 'f3']) {
        const once = await t.proxy.measure(() => session.execute(insert(id)));
        expect(once.roundTrips).toBe(1);
        expect(await t.value(id)).toBe(1);
      }
      const query = await t.proxy.measure(() => greet(session, { name: 'you' }));
      expect(query).toMatchObject({ value: { greeting: 'hello you' }, roundTrips: 1 });
    });

    test('a dead session’s statement is rolled back by the server, though its COMMIT was sent', async () => {
      const { session } = await open();
      await closeSessions(t.direct.guardedWithin(60_000), { sessionIds: [session.id] });
      const sent = await t.sent(() =>
        expect(session.execute(insert('dead'))).rejects.toThrow(SessionExpiredError),
      );
      expect(sent).toContain('COMMIT');
      expect(await t.value('dead')).toBeUndefined();
    });

    test('a statement that fails is thrown as it is, and the connection stays', async () => {
      const { db, session } = await open();
      await session.execute(insert('twice'));
      await expect(session.execute(insert('twice'))).rejects.toMatchObject({ code: '23505' });
      await expect(session.execute(sql('DROP TABLE account'))).rejects.toMatchObject({
        code: 'HOLDFAST_FORBIDDEN_STATEMENT',
      });
      expect(db.stats).toMatchObject({ idle: 1, busy: 0 });
    });

    test.each([
      ['the statement', /^UPDATE/],
      ['the commit', /^COMMIT/],
    ] as const)('a 40001 at %s is retried', async (_, where) => {
      const { session } = await open();
      await session.execute(insert('retry', 0));
      t.fail(where, '40001', 3);
      await session.execute(add('retry'));
      expect(await t.value('retry')).toBe(1);
    });

    test('cut at every message: right, ambiguous, or resolved by the marker; never twice', async () => {
      for (const commitMarker of [false, true]) {
        const { db, session } = await open();
        const told: (readonly [id: string, definite: boolean])[] = [];
        for (const direction of ['to-server', 'to-client'] as const) {
          for (let at = 1, strikes = 1; strikes > 0; at++) {
            const id = `${commitMarker}-${direction}-${at}`;
            await t.direct.execute(insert(id, 0));
            // With a connection at hand, so that it is not the opening of one that is cut.
            await session.execute(add('nobody'), { commitMarker: true });
            const fault = t.proxy.inject({ direction, at, action: cut() });
            const outcome = await session.execute(add(id), { commitMarker }).catch((error: unknown) => error);
            fault.remove();
            strikes = fault.strikes;
            if (outcome instanceof Error) {
              expect(outcome).toMatchObject({ code: 'HOLDFAST_AMBIGUOUS_COMMIT' });
              // With a marker it is only ever the answer that is missing.
              if (commitMarker) expect(outcome.message).toContain('is committed');
            }
            told.push([id, commitMarker || !(outcome instanceof Error)]);
          }
        }
        for (const [id, definite] of told) {
          const n = await t.value(id);
          expect(definite ? [1] : [0, 1], id).toContain(n);
        }
        expect(db.stats).toMatchObject({ busy: 0, waiting: 0 });
      }
    });

    test('the reply dropped: ambiguous; with a marker the message says that it is committed', async () => {
      const { session } = await open();
      const drop = () =>
        t.proxy.inject({
          direction: 'to-server',
          at: ({ sql: one = '' }) => one === 'COMMIT',
          action: dropReply(),
        });
      drop();
      await expect(session.execute(insert('lost'))).rejects.toMatchObject({
        code: 'HOLDFAST_AMBIGUOUS_COMMIT',
      });
      drop();
      // The statement's own answer came before the commit's, so the outcome is whole.
      await session.execute(insert('found'), { commitMarker: true });
      expect([await t.value('lost'), await t.value('found')]).toEqual([1, 1]);
    });

    test('a stale plan is healed inside of the transaction’s bounds', async () => {
      const { session } = await open();
      await t.direct.execute(sql('DROP TABLE IF EXISTS flight_shape'));
      await t.direct.execute(sql('CREATE TABLE flight_shape (a INT8)'));
      const statement = sql('INSERT INTO flight_shape (a) VALUES ($1) RETURNING *', '1');
      await session.execute(statement);
      await session.execute(statement);
      await t.direct.execute(sql('ALTER TABLE flight_shape ADD COLUMN b TEXT'));
      expect((await session.execute(statement)).columns).toHaveLength(2);
      expect((await t.direct.execute(sql('SELECT count(*) FROM flight_shape'))).rows).toEqual([['3']]);
    });

    test('inside of a transaction it is a part of that one', async () => {
      const { db, session } = await open();
      await expect(
        session.transact(async () => {
          await session.execute(insert('joined'));
          throw new Error('undo');
        }),
      ).rejects.toThrow('undo');
      await expect(
        db.transact(async () => {
          await session.execute(insert('joined'));
          throw new Error('undo');
        }),
      ).rejects.toThrow('undo');
      expect(await t.value('joined')).toBeUndefined();
    });

    test('a BEGIN that is refused with statements behind it is ambiguous, never retried', async () => {
      const { session } = await open();
      t.fail(/^BEGIN/, '57014');
      await expect(session.execute(insert('loose'))).rejects.toMatchObject({
        code: 'HOLDFAST_AMBIGUOUS_COMMIT',
      });
      t.fail(/^BEGIN/, '57014');
      await expect(session.transact((tx) => tx.execute(insert('loose2')))).rejects.toMatchObject({
        code: 'HOLDFAST_AMBIGUOUS_COMMIT',
      });
      expect(cockroach || (await t.value('loose')) === 1).toBe(true);
    });

    test('a batch is one round trip, typed, whole or not at all', async () => {
      const { session } = await open();
      const whole = await t.proxy.measure(() =>
        session.batch([greet.with({ name: 'a' }), double.with({ n: 21n }), listSessions.with()]),
      );
      expect(whole.roundTrips).toBe(1);
      expectTypeOf(whole.value[0]).toEqualTypeOf<{ greeting: string }>();
      expectTypeOf(whole.value[1].twice).toEqualTypeOf<bigint>();
      expect(whole.value.slice(0, 2)).toEqual([{ greeting: 'hello a' }, { twice: 42n }]);
      expect(whole.value[2].length).toBeGreaterThan(0);
      await session.transact(async (tx) => {
        await tx.execute(read('x'));
        const batch = await t.proxy.measure(() =>
          tx.batch([greet.with({ name: 'b' }), double.with({ n: 2n })]),
        );
        expect(batch.roundTrips).toBe(1);
        expect(batch.value).toEqual([{ greeting: 'hello b' }, { twice: 4n }]);
        const [first] = await sendBatch(tx, [double.with({ n: 4n })]);
        expect(first.twice).toBe(8n);
      });
      const bound = (id: string) => ({ statement: insert(id), result: () => undefined });
      await expect(session.batch([bound('b1'), bound('b1')])).rejects.toMatchObject({ code: '23505' });
      expect(await t.value('b1')).toBeUndefined();
    });
  },
  DRIVERS,
);
