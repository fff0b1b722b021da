import { expect, test } from 'vitest';
import { type DriverConnection, pgDriver, postgresDriver } from '../../src/database/index.ts';
import { closeSessions, fenceSession, sealSession } from '../../src/queries/sessions.ts';
import { holdWork, sealWork } from '../../src/queries/work.ts';
import type { Statement } from '../../src/query/index.ts';
import { claimOne } from '../support/claim.ts';
import { cockroach, describeTransact, insert, read } from './fixture.ts';

/** Statements in whose place the mutated driver sends one that proves nothing. */
type Mutation = { readonly text: string; readonly harmless: Statement };

describeTransact('teeth', (t) => {
  /** Patches the driver for the connections that `body` opens: what it would send is swapped for a harmless one. */
  const mutated = async (mutations: readonly Mutation[], body: () => Promise<void>) => {
    const driver = t.driver === 'pg' ? pgDriver : postgresDriver;
    const open = driver.open;
    const swap = (connection: DriverConnection) => {
      const send = connection.send.bind(connection);
      connection.send = (statement, options) =>
        send(mutations.find(({ text }) => text === statement.text)?.harmless ?? statement, options);
      return connection;
    };
    driver.open = async (options) => swap(await open(options));
    try {
      await body();
    } finally {
      driver.open = open;
    }
  };
  const one: Statement = { text: 'SELECT 1::INT8', values: [] };
  const without = (...queries: { readonly definition: { readonly text: string } }[]) =>
    queries.map(({ definition }) => ({ text: definition.text, harmless: one }));

  /** A session is taken over, and its holder writes: true when the write of the dead was refused. */
  const deadSessionIsRefused = async (id: string) => {
    const db = await t.open({ pool: { max: 2 } });
    await using session = await db.startSession({ component: 'teeth', intervalMs: 3_600_000 });
    await closeSessions(t.direct.guardedWithin(60_000), { sessionIds: [session.id] });
    const outcome = await session.transact((tx) => tx.execute(insert(id))).catch(() => 'refused');
    expect(await t.value(id)).toBe(outcome === 'refused' ? undefined : 1);
    return outcome === 'refused';
  };
  /** The same, taken over while its transaction is open. */
  const openTransactionIsRefused = async (id: string) => {
    const db = await t.open({ pool: { max: 2 } });
    await using session = await db.startSession({ component: 'teeth', intervalMs: 3_600_000 });
    const outcome = await session
      .transact(async (tx) => {
        await tx.execute(read('other'));
        await closeSessions(t.direct.guardedWithin(60_000), { sessionIds: [session.id] });
        await t.value(id);
        await tx.execute(insert(id));
      })
      .catch(() => 'refused');
    return outcome === 'refused';
  };
  /** Work is taken over behind its holder's back, while its session lives: only the token tells. */
  const lostTokenIsRefused = async (id: string) => {
    const db = await t.open({ pool: { max: 2 } });
    await using session = await db.startSession({ component: 'teeth', intervalMs: 3_600_000 });
    await using work = await claimOne(session, 'teeth', () => [id]);
    await t.direct.execute({
      text: 'UPDATE holdfast.work SET token = token + 1 WHERE kind = $1 AND target = $2',
      values: ['teeth', id],
    });
    const outcome = await work!.transact((tx) => tx.execute(insert(id))).catch(() => 'refused');
    return outcome === 'refused';
  };

  /** Its own session cancels the work while a transaction of the work is open. */
  const slowTransactionIsRefused = async (id: string) => {
    const db = await t.open({ pool: { max: 2 } });
    await using session = await db.startSession({ component: 'teeth', intervalMs: 3_600_000 });
    const work = (await claimOne(session, 'teeth', () => [id]))!;
    const begun = Promise.withResolvers<void>();
    const canceled = Promise.withResolvers<void>();
    const running = work
      .transact(async (tx) => {
        await tx.execute(insert(id));
        begun.resolve();
        await canceled.promise;
      })
      .catch(() => 'refused');
    await begun.promise;
    await work.cancel();
    canceled.resolve();
    return (await running) === 'refused';
  };

  test('as it is, every write of the dead is refused', async () => {
    expect(await deadSessionIsRefused('t1')).toBe(true);
    expect(await openTransactionIsRefused('t2')).toBe(true);
    expect(await lostTokenIsRefused('t3')).toBe(true);
    expect(await slowTransactionIsRefused('t8')).toBe(true);
  });

  test('without fence and seal, line 33 fails: a dead session commits', async () => {
    await mutated(without(fenceSession, sealSession), async () => {
      expect(await deadSessionIsRefused('t4')).toBe(false);
    });
  });

  test('without the seal, line 34 fails on PostgreSQL; CockroachDB needs none', async () => {
    await mutated(without(sealSession), async () => {
      expect(await openTransactionIsRefused('t5')).toBe(cockroach);
    });
  });

  test('without the fence, line 34 fails on CockroachDB; PostgreSQL still has the seal', async () => {
    await mutated(without(fenceSession), async () => {
      expect(await openTransactionIsRefused('t6')).toBe(!cockroach);
    });
  });

  test('without the token check, a holder that lost its work writes', async () => {
    await mutated(without(holdWork, sealWork), async () => {
      expect(await lostTokenIsRefused('t7')).toBe(false);
    });
  });

  test('without the token’s seal, line 34 fails: a transaction commits after the end of its work', async () => {
    await mutated(without(sealWork), async () => {
      expect(await slowTransactionIsRefused('t9')).toBe(false);
    });
  });
});
