import { expect, test } from 'vitest';
import { AmbiguousCommitError } from '../../src/base/index.ts';
import type { Database, Session } from '../../src/index.ts';
import { cut, type Direction, dropReply, type FaultAction } from '../../src/testing/index.ts';
import { DRIVERS, waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';
import { cockroach, describeTransact } from './fixture.ts';

/** Backends of this database in the middle of something. */
const stillOpen = cockroach
  ? sql(
      "SELECT 1 FROM [SHOW SESSIONS] WHERE active_queries LIKE '%account%' AND active_queries NOT LIKE '%SHOW SESSIONS%'",
    )
  : sql(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'",
    );

/** Nobody needs more messages than this for one transaction. */
const MOST_MESSAGES = 60;

describeTransact(
  'sweep',
  (t) => {
    let next = 0;

    /** A fenced transaction of two statements and a nested part, whose effect can be counted. */
    const transfer = (session: Session, id: string, commitMarker: boolean) =>
      session.transact(
        async (tx, { attempt }) => {
          await tx.execute(sql('INSERT INTO account (id, n) VALUES ($1, 1)', `${id}/${attempt}/a`));
          await tx.transact((part) =>
            part.execute(sql('INSERT INTO account (id, n) VALUES ($1, 1)', `${id}/${attempt}/b`)),
          );
          return attempt;
        },
        { commitMarker, name: 'transfer' },
      );

    /** Attempts of `id` of which anything is in the database, with how many of their two rows. */
    const applied = async (id: string) => {
      const { rows } = await t.direct.execute(
        sql(
          "SELECT split_part(id, '/', 2), count(*) FROM account WHERE split_part(id, '/', 1) = $1 GROUP BY 1",
          id,
        ),
      );
      return rows.map(([attempt, count]) => [Number(attempt), Number(count)]);
    };

    /** Strikes at one message after another until there is none left; checks the outcome each time. */
    const sweep = async (direction: Direction, action: FaultAction, commitMarker: boolean) => {
      const db: Database = await t.open({ pool: { max: 2 } });
      // Its heartbeats go straight to the server, so that they are not counted among the messages.
      await using beating = await t.direct.startSession({ component: 'sweep', intervalMs: 3_600_000 });
      await using session = await db.startSession({ component: 'sweep', intervalMs: 3_600_000 });
      await transfer(session, `warm${next++}`, commitMarker);
      const outcomes = { committed: 0, ambiguous: 0 };
      const told = new Map<string, number | undefined>();
      for (let at = 1; ; at++) {
        expect(at).toBeLessThan(MOST_MESSAGES);
        const id = `s${next++}`;
        const fault = t.proxy.inject({ direction, at, action });
        const outcome = await transfer(session, id, commitMarker).catch((error: unknown) => error);
        fault.remove();
        const where = `${direction} message ${at}`;
        const found = await applied(id);
        told.set(id, typeof outcome === 'number' ? outcome : undefined);
        if (typeof outcome === 'number') {
          outcomes.committed++;
          expect(found, where).toEqual([[outcome, 2]]);
        } else {
          outcomes.ambiguous++;
          expect(outcome, where).toBeInstanceOf(AmbiguousCommitError);
          expect(commitMarker, `${where}: ambiguous in spite of the marker`).toBe(false);
          // Applied whole by one attempt, or not at all; which, shows once the server has ended it.
          expect(found.length, where).toBeLessThanOrEqual(1);
          for (const [, count] of found) expect(count, where).toBe(2);
        }
        // Settled markers may be on their way out, by a connection of their own.
        await waitFor(() => db.stats.busy === 0 && db.stats.waiting === 0);
        if (fault.strikes === 0) break;
      }
      // Once the server has ended everything that was cut: nothing came late, nothing is half there or twice.
      await waitFor(() => db.stats.opening === 0);
      await waitFor(async () => (await t.direct.execute(stillOpen)).rows.length === 0);
      for (const [id, attempt] of told) {
        const found = await applied(id);
        if (attempt !== undefined) expect(found, id).toEqual([[attempt, 2]]);
        else expect(found.length === 0 || (found.length === 1 && found[0]![1] === 2), id).toBe(true);
      }
      expect(await transfer(session, `end${next++}`, commitMarker)).toBe(1);
      expect(beating.expired || session.expired).toBe(false);
      return outcomes;
    };

    const actions: readonly (readonly [string, FaultAction])[] = [
      ['cut before', cut('before')],
      ['cut after', cut('after')],
    ];
    for (const commitMarker of [false, true]) {
      for (const direction of ['to-server', 'to-client'] as const) {
        test.each(actions)(
          `%s every message ${direction}, ${commitMarker ? 'with' : 'without'} a marker: the outcome is right`,
          async (_, action) => {
            const outcomes = await sweep(direction, action, commitMarker);
            expect(outcomes.committed).toBeGreaterThan(10);
            if (!commitMarker) expect(outcomes.ambiguous).toBeGreaterThan(0);
          },
        );
      }
      test(`the reply to every message dropped, ${commitMarker ? 'with' : 'without'} a marker: the outcome is right`, async () => {
        const outcomes = await sweep('to-server', dropReply(), commitMarker);
        expect(outcomes.committed).toBeGreaterThan(5);
      });
    }
  },
  DRIVERS,
);
