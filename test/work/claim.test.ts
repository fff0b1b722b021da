import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bucketOf,
  connect,
  type Database,
  InvalidOptionError,
  type Session,
  type Work,
  WorkConflictError,
} from '../../src/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase } from '../support/database.ts';
import { rows } from '../support/sql.ts';

describe.each(DRIVERS)('%s', (driver) => {
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
    working = (await session.work('working', () => ['w']))!;
  });
  afterAll(() => db?.close());

  test('no candidate is nothing to do: undefined, not an exception', async () => {
    expect(await session.work('none', () => [])).toBeUndefined();
    expect(await session.workMany('none', 5, () => [])).toEqual([]);
  });

  test('a held candidate is passed over for the next one that is free', async () => {
    const first = await session.work('next', () => ['a', 'b', 'c']);
    const second = await other.work('next', () => ['a', 'b', 'c']);
    expect([first?.target, second?.target]).toEqual(['a', 'b']);
  });

  test('several at a time: up to the number wanted, in the order given', async () => {
    const works = await session.workMany('many', 3, () => ['d', 'a', 'c', 'b']);
    expect(works.map((work) => work.target)).toEqual(['d', 'a', 'c']);
    const rest = await other.workMany('many', 3, () => ['d', 'a', 'c', 'b']);
    expect(rest.map((work) => work.target)).toEqual(['b']);
  });

  test('the same candidate twice is one candidate', async () => {
    const works = await session.workMany('twice', 5, () => ['x', 'x', 'y', 'x']);
    expect(works.map((work) => work.target)).toEqual(['x', 'y']);
  });

  test('an exclusion group lets one of several processes at a target, all keys or none', async () => {
    const on = (target: string) => [{ target, exclude: [{ group: 'power', key: target }] }];
    const install = (await session.work('install', () => on('m1')))!;
    await expect(other.work('recover', () => on('m1'))).rejects.toThrow(WorkConflictError);
    const tokens = await rows(db, "SELECT kind, holder FROM holdfast.work WHERE target = 'm1' ORDER BY kind");
    expect(tokens).toEqual([
      ['group:power', session.id],
      ['install', session.id],
    ]);
    expect((await other.work('recover', () => [...on('m1'), ...on('m2')]))?.target).toBe('m2');
    await install.finish();
    const recover = await other.work('recover', () => on('m1'));
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
    const works = await session.workMany('flash', 5, () => [
      { target: 'a', exclude: [shared] },
      { target: 'b', exclude: [shared] },
      'c',
    ]);
    expect(works.map((work) => work.target)).toEqual(['a', 'c']);
  });

  test('two claimers for the last item: one gets it, the other nothing, whatever the timing', async () => {
    for (let round = 0; round < 10; round++) {
      const target = `last-${round}`;
      const results = await Promise.allSettled([
        session.work('last', () => [target]),
        other.work('last', () => [target]),
      ]);
      const won = results.filter(
        (result) => result.status === 'fulfilled' && result.value,
      ) as PromiseFulfilledResult<Work>[];
      const lost = results.filter((result) => result.status === 'rejected');
      expect(won).toHaveLength(1);
      expect(lost.map(({ reason }) => reason.code)).toEqual(['HOLDFAST_WORK_CONFLICT']);
      await won[0]!.value.finish();
    }
  });

  test('tokens of a target only grow, through finish, fail, cancel and close', async () => {
    const tokens: bigint[] = [];
    const take = async () => {
      const work = (await session.work('tokens', () => ['t']))!;
      tokens.push(work.token);
      return work;
    };
    await (await take()).finish();
    await (await take()).cancel();
    await (await take()).fail(undefined, 'x');
    await rows(db, "UPDATE holdfast.work SET not_before = now() - INTERVAL '1 s' WHERE kind = 'tokens'");
    await (await take()).finish();
    expect(tokens).toEqual([1n, 2n, 3n, 4n]);
  });

  test('work inside a transaction that is retried is claimed once', async () => {
    let runs = 0;
    const work = await session.work('retried', async (tx) => {
      runs++;
      await rows(tx, 'SELECT 1');
      if (runs === 1) throw Object.assign(new Error('injected'), { code: '40001' });
      return ['r'];
    });
    expect(runs).toBe(2);
    expect(work?.token).toBe(1n);
    const started = await rows(
      db,
      "SELECT count(*) FROM holdfast.work_history WHERE target = 'r' AND event = 'started'",
    );
    expect(started).toEqual([['1']]);
  });

  test.each([
    ['kind', () => session.work('', () => ['a'])],
    ['kind', () => session.work('group:x', () => ['a'])],
    ['wanted', () => session.workMany('p', 0, () => ['a'])],
    ['retrieve', () => session.work('p', () => [''])],
    ['retrieve', () => session.work('p', undefined as never)],
    ['retrieve', () => session.work('p', () => undefined as never)],
    ['retrieve', () => session.work('p', () => [undefined] as never)],
    ['retrieve', () => session.work('p', () => [{ target: 'a', exclude: 'b' }] as never)],
    ['retrieve', () => session.work('p', () => [{ target: 'a', exclude: [{ group: 'g' }] }] as never)],
    ['kind', () => session.work('a\0b', () => ['a'])],
    ['retrieve', () => session.work('p', () => ['a\0b'])],
    ['retrieve', () => session.work('p', () => [{ machine: 'a' }] as never)],
    ['body', () => db.transact(undefined as never)],
    ['body', () => db.transact((tx) => tx.transact(5 as never))],
    ['body', () => session.transact('x' as never)],
    ['body', () => working.transact(5 as never)],
    ['body', () => working.finish(5 as never)],
    ['cause', () => working.fail(undefined, 5 as never)],
    ['cause', () => working.fail(undefined, 'a\0b')],
    ['initialMs', () => working.fail({ initialMs: -1 }, 'x')],
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
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as InvalidOptionError).option).toBe(option);
  });
});
