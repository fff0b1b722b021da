import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bucketOf, connect, type Database, MisuseError, type Session, type Work } from '../../src/index.ts';
import { claimMany, claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase } from '../support/database.ts';
import { rows } from '../support/sql.ts';

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  let session: Session;
  let other: Session;
  let working: Work;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    session = await db.startSession({ component: 'one' });
    other = await db.startSession({ component: 'two' });
    working = (await claimOne(session, 'working', () => ['w']))!;
  });
  afterAll(() => db?.close());

  test('no candidate is nothing to do: undefined, not an exception', async () => {
    expect(await claimOne(session, 'none', () => [])).toBeUndefined();
    expect(await claimMany(session, 'none', 5, () => [])).toEqual([]);
  });

  test('a held candidate is passed over for the next one that is free', async () => {
    const first = await claimOne(session, 'next', () => ['a', 'b', 'c']);
    const second = await claimOne(other, 'next', () => ['a', 'b', 'c']);
    expect([first?.target, second?.target]).toEqual(['a', 'b']);
  });

  test('several at a time: up to the number wanted, in the order given', async () => {
    const works = await claimMany(session, 'many', 3, () => ['d', 'a', 'c', 'b']);
    expect(works.map((work) => work.target)).toEqual(['d', 'a', 'c']);
    const rest = await claimMany(other, 'many', 3, () => ['d', 'a', 'c', 'b']);
    expect(rest.map((work) => work.target)).toEqual(['b']);
  });

  test('the same candidate twice is one candidate', async () => {
    const works = await claimMany(session, 'twice', 5, () => ['x', 'x', 'y', 'x']);
    expect(works.map((work) => work.target)).toEqual(['x', 'y']);
  });

  test('an exclusion group lets one of several processes at a target, all keys or none', async () => {
    const on = (target: string) => [{ target, exclude: [{ group: 'power', key: target }] }];
    const install = (await claimOne(session, 'install', () => on('m1')))!;
    expect(await claimOne(other, 'recover', () => on('m1'))).toBeUndefined();
    const tokens = await rows(db, "SELECT kind, holder FROM holdfast.work WHERE target = 'm1' ORDER BY kind");
    expect(tokens).toEqual([
      ['group:power', session.id],
      ['install', session.id],
    ]);
    expect((await claimOne(other, 'recover', () => [...on('m1'), ...on('m2')]))?.target).toBe('m2');
    await install.finish();
    const recover = await claimOne(other, 'recover', () => on('m1'));
    expect(recover?.target).toBe('m1');
    const history = await rows(
      db,
      "SELECT kind, event FROM holdfast.work_history WHERE target = 'm1' ORDER BY at, event DESC",
    );
    expect(history).toEqual([
      ['install', 'started'],
      ['install', 'finished'],
      ['recover', 'started'],
    ]);
  });

  test('two candidates that exclude each other are never claimed together', async () => {
    const shared = { group: 'rack', key: 'r1' };
    const works = await claimMany(session, 'flash', 5, () => [
      { target: 'a', exclude: [shared] },
      { target: 'b', exclude: [shared] },
      'c',
    ]);
    expect(works.map((work) => work.target)).toEqual(['a', 'c']);
  });

  test('a candidate whose holder finished it after it was retrieved is not claimed again', async () => {
    await using elsewhere = await connect({ url: database.url, driver });
    await using holder = await elsewhere.startSession({ component: 'holder' });
    for (const [round, ends] of [
      ['held', true],
      ['free', false],
    ] as const) {
      const held = await claimOne(holder, 'stale', () => [round]);
      if (!ends) await held!.finish();
      let looks = 0;
      const late = await claimOne(session, 'stale', async (tx) => {
        await rows(tx, 'SELECT 1');
        if (++looks > 1) return [];
        // By now the snapshot of the retrieval is taken.
        const work = ends ? held : await claimOne(holder, 'stale', () => [round]);
        await work!.finish();
        return [round];
      });
      expect([late, looks], round).toEqual([undefined, 2]);
    }
  });

  test('two claimers for the last item: one gets it, the other nothing, whatever the timing', async () => {
    for (let round = 0; round < 10; round++) {
      const target = `last-${round}`;
      const results = await Promise.allSettled([
        claimOne(session, 'last', () => [target]),
        claimOne(other, 'last', () => [target]),
      ]);
      const won = results.filter(
        (result) => result.status === 'fulfilled' && result.value,
      ) as PromiseFulfilledResult<Work>[];
      expect(won).toHaveLength(1);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
      await won[0]!.value.finish();
    }
  });

  test('tokens of a target only grow, through finish, fail, cancel and close', async () => {
    const tokens: bigint[] = [];
    const take = async () => {
      const work = (await claimOne(session, 'tokens', () => ['t']))!;
      tokens.push(work.token);
      return work;
    };
    await (await take()).finish();
    await (await take()).cancel();
    await (await take()).fail('x');
    await rows(db, "UPDATE holdfast.work SET not_before = now() - INTERVAL '1 s' WHERE kind = 'tokens'");
    await (await take()).finish();
    const [first] = tokens as [bigint];
    expect(tokens).toEqual([first, first + 1n, first + 2n, first + 3n]);
  });

  test('work inside a transaction that is retried is claimed once', async () => {
    let runs = 0;
    const work = await claimOne(session, 'retried', async (tx) => {
      runs++;
      await rows(tx, 'SELECT 1');
      if (runs === 1) throw Object.assign(new Error('injected'), { code: '40001' });
      return ['r'];
    });
    expect(runs).toBe(2);
    expect(work?.target).toBe('r');
    const started = await rows(
      db,
      "SELECT count(*) FROM holdfast.work_history WHERE target = 'r' AND event = 'started'",
    );
    expect(started).toEqual([['1']]);
  });

  test.each([
    ['kind', () => claimOne(session, '', () => ['a'])],
    ['kind', () => claimOne(session, 'group:x', () => ['a'])],
    ['wanted', () => claimMany(session, 'p', 0, () => ['a'])],
    ['source', () => claimOne(session, 'p', undefined as never)],
    ['source', () => session.claim(undefined as never)],
    ['candidates', () => claimOne(session, 'p', () => undefined as never)],
    ['kind', () => claimOne(session, 'a\0b', () => ['a'])],
    ['body', () => db.transact(undefined as never)],
    ['body', () => db.transact((tx) => tx.transact(5 as never))],
    ['body', () => session.transact('x' as never)],
    ['body', () => working.transact(5 as never)],
    ['change', () => working.finish(5 as never)],
    ['change', () => working.step(5 as never)],
    ['until', () => working.park({ ms: -1 })],
    ['cause', () => working.fail(5 as never)],
    ['cause', () => working.fail('a\0b')],
    ['initialMs', () => working.fail('x', { backoff: { initialMs: -1 } })],
    ['buckets', async () => bucketOf('x', 0)],
    ['statement', () => db.execute(undefined as never)],
    ['statement', () => session.execute('SELECT 1' as never)],
    ['statement', () => db.transact((tx) => tx.execute({} as never))],
    ['statement.values', () => db.execute({ text: 'SELECT 1' } as never)],
    ['statement.values.1', () => session.execute({ text: 'SELECT $1, $2', values: ['1', 2] } as never)],
    ['component', () => db.startSession({ component: '' })],
    ['intervalMs', () => db.startSession({ component: 'c', intervalMs: 3 })],
    ['intervall', () => db.startSession({ component: 'c', intervall: 3 } as never)],
  ])('a wrong %s is refused by name', async (option, call) => {
    const error = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(MisuseError);
    expect((error as MisuseError).subject).toBe(option);
  });
});
