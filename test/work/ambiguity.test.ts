import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, LeaseLostError } from '../../src/index.ts';
import { releaseWork, workHistory } from '../../src/queries/work.ts';
import { cut, dropReply, type FaultProxy, misreport, startFaultProxy } from '../../src/testing/index.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase } from '../support/database.ts';
import { rows } from '../support/sql.ts';

// The commit arrives, its answer does not. Work never asks its user what became of it.
describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let proxy: FaultProxy;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await startFaultProxy({ url: database.url });
    db = await connect({ url: proxy.url, driver, tls: { mode: 'disable' } });
    await rows(
      db,
      'CREATE TABLE effect (effect_id UUID PRIMARY KEY DEFAULT gen_random_uuid(), target TEXT NOT NULL)',
    );
  });
  afterAll(async () => {
    await db?.close();
    await proxy?.close();
  });

  const deciding = () => (db.engine.system === 'cockroachdb' ? 'RELEASE' : 'COMMIT');
  const faults = {
    'whose answer is lost': dropReply,
    'that never arrives': () => cut('before'),
    'that is answered as if it was canceled': () => misreport('57014'),
    'that is answered with an internal error': () => misreport('XXUUU', 'context canceled'),
  };
  const strike = (fault: keyof typeof faults, at = (sql: string) => sql.startsWith(deciding())) =>
    proxy.inject({
      direction: 'to-server',
      at: ({ sql }) => sql !== undefined && at(sql),
      action: faults[fault](),
    });
  const events = async (target: string) => (await workHistory(db, { target })).map(({ event }) => event);
  const effects = async (target: string) =>
    (await rows(db, 'SELECT count(*) FROM effect WHERE target = $1', target))[0]![0];

  test.each(Object.keys(faults) as (keyof typeof faults)[])(
    'a claim %s is settled: claimed once, with a handle',
    async (fault) => {
      await using session = await db.startSession({ component: 'test', intervalMs: 60_000 });
      const struck = proxy.inject({
        direction: 'to-server',
        at: ({ type, sql }) =>
          (type === 'E' || type === 'Q') && (sql?.includes('holdfast:claim-torn') ?? false),
        action: faults[fault](),
      });
      const target = `claim ${fault}`;
      const work = await claimOne(session, 'claim', () => [target]);
      expect(struck.strikes).toBe(1);
      expect(work?.target).toBe(target);
      expect(await events(target)).toEqual(['started']);
      await work!.finish();
      expect(await events(target)).toEqual(['started', 'finished']);
    },
  );

  test.each(Object.keys(faults) as (keyof typeof faults)[])(
    'a finish %s is settled: once, with its value',
    async (fault) => {
      await using session = await db.startSession({ component: 'test', intervalMs: 60_000 });
      const target = `finish ${fault}`;
      const work = (await claimOne(session, 'finish', () => [target]))!;
      const struck = strike(fault);
      const value = await work.finish(async (tx) => {
        await rows(tx, 'INSERT INTO effect (target) VALUES ($1)', target);
        return 42;
      });
      expect(struck.strikes).toBe(1);
      expect(value).toBe(42);
      expect(work.ended).toBe(true);
      expect(work.signal.aborted).toBe(false);
      expect(await effects(target)).toBe('1');
      expect(await events(target)).toEqual(['started', 'finished']);
      expect(session.held).toEqual([]);
    },
  );

  test.each(Object.keys(faults) as (keyof typeof faults)[])(
    'a fail %s is settled: one failure, one backoff',
    async (fault) => {
      await using session = await db.startSession({ component: 'test', intervalMs: 60_000 });
      const target = `fail ${fault}`;
      const work = (await claimOne(session, 'fail', () => [target]))!;
      // The statement is a transaction of its own.
      const struck = strike(fault, (sql) => sql === releaseWork.definition.text);
      await work.fail('broken', { backoff: { initialMs: 5_000 } });
      expect(struck.strikes).toBe(1);
      expect(await events(target)).toEqual(['started', 'failed']);
      const [row] = await rows(db, 'SELECT backoff_seconds FROM holdfast.work WHERE target = $1', target);
      expect(row).toEqual(['5']);
    },
  );

  test('a finish whose answer is lost and whose work is then someone else’s is still its own finish', async () => {
    await using session = await db.startSession({ component: 'test', intervalMs: 60_000 });
    const work = (await claimOne(session, 'relay', () => ['baton']))!;
    await work.finish();
    const next = (await claimOne(session, 'relay', () => ['baton']))!;
    // The same end, asked for again with the old token, finds the old end in the history and no lease.
    await rows(db, "UPDATE holdfast.work SET token = token + 1 WHERE target = 'baton'");
    await expect(next.finish()).rejects.toThrow(LeaseLostError);
  });

  test('work ended inside of a transaction that is retried ends once, with that transaction', async () => {
    await using session = await db.startSession({ component: 'test', intervalMs: 60_000 });
    const work = (await claimOne(session, 'nested', () => ['nested']))!;
    let runs = 0;
    await session.transact(async (tx) => {
      await rows(tx, "INSERT INTO effect (target) VALUES ('nested')");
      await work.finish();
      if (++runs === 1) throw Object.assign(new Error('injected'), { code: '40001' });
    });
    expect(runs).toBe(2);
    expect(work.ended).toBe(true);
    expect(await effects('nested')).toBe('1');
    expect(await events('nested')).toEqual(['started', 'finished']);
  });

  test('markers of settled transactions do not pile up', async () => {
    const count = async () => Number((await rows(db, 'SELECT count(*) FROM holdfast.commit_marker'))[0]![0]);
    const before = await count();
    const other = await connect({ url: database.url, driver });
    const session = await other.startSession({ component: 'test' });
    for (let i = 0; i < 5; i++) await session.transact((tx) => rows(tx, 'SELECT 1'), { commitMarker: true });
    expect(await count()).toBe(before + 5);
    await other.close();
    expect(await count()).toBe(before);
  });
});
