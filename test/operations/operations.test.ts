import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, MisuseError, runJanitor, type Session } from '../../src/index.ts';
import {
  definePipeline,
  InvalidTransitionError,
  OperationConflictError,
  type OperationState,
  TargetDeletedError,
} from '../../src/operations/index.ts';
import { startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, testEngine } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const datasets = definePipeline({
  name: 'datasets',
  operations: ['upload', 'unpack', 'index', 'tool-index', 'backup'],
});

describe.each(DRIVERS)('operations on %s', (driver) => {
  let url: string;
  let db: Database;
  let session: Session;
  let other: Session;
  beforeAll(async () => {
    ({ url } = await createTestDatabase());
    db = await connect({ url, driver });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
    other = await db.startSession({ component: 'two', intervalMs: 600_000 });
    await rows(
      db,
      'CREATE TABLE observation (target TEXT, operation TEXT, generation INT8, PRIMARY KEY (target, operation, generation))',
    );
  });
  afterAll(() => db?.close());

  const one = async (target: string, operation: string) =>
    (await datasets.status(db, target)).find((status) => status.operation === operation);
  const stateOf = async (target: string, operation = 'index') => (await one(target, operation))?.state;
  const take = (target: string, by = session) => datasets.takeTarget(by, 'index', target);
  /** The session that holds it dies: its deadline is past. */
  const kill = (victim: Session) =>
    rows(
      db,
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
      victim.id,
    );

  describe('next', () => {
    test('lists targets whose exactly named operation is READY, longest waiting first, and takes nothing', async () => {
      const set = definePipeline({ name: 'next', operations: ['index', 'index-tools'] });
      await set.enable(db, 'n2', ['index']);
      await set.enable(db, 'n1', ['index']);
      await set.enable(db, 'n3', ['index-tools']);
      expect(await set.next(db, 'index', 10)).toEqual(['n2', 'n1']);
      expect(await set.next(db, 'index')).toEqual(['n2']);
      expect(await set.next(db, 'index-tools', 10)).toEqual(['n3']);
      const working = await set.takeTarget(session, 'index', 'n2');
      expect(await set.next(db, 'index', 10)).toEqual(['n1']);
      await working.release();
      expect(await set.next(db, 'index', 10)).toEqual(['n2', 'n1']);
    });

    test('an operation that is not declared is refused by name, with those that are', async () => {
      await expect(datasets.next(db, 'indx' as never)).rejects.toThrow(
        /operation: "indx" is not one of datasets: upload, unpack, index/,
      );
      await expect(datasets.enable(db, 'x', ['indx' as never])).rejects.toThrow(MisuseError);
      expect(await datasets.status(db, 'x')).toEqual([]);
    });
  });

  describe('update and error', () => {
    test('error of a new operation makes it FAILED, of any length, and of a READY one too', async () => {
      const long = 'x'.repeat(1_000_000);
      await datasets.error(db, 'e1', 'index', long);
      expect(await one('e1', 'index')).toMatchObject({ state: 'FAILED', message: long });
      await datasets.enable(db, 'e2', ['index']);
      await datasets.error(db, 'e2', 'index', 'no disk');
      await datasets.error(db, 'e2', 'index', 'no disk again');
      expect(await one('e2', 'index')).toMatchObject({ state: 'FAILED', message: 'no disk again' });
    });

    test('a message without a state makes a new operation FAILED, and leaves an old one as it is', async () => {
      await datasets.update(db, 'm1', 'index', { message: 'first' });
      expect(await one('m1', 'index')).toMatchObject({ state: 'FAILED', message: 'first' });
      await datasets.enable(db, 'm2', ['index']);
      await datasets.update(db, 'm2', 'index', { message: 'waits for a disk' });
      expect(await one('m2', 'index')).toMatchObject({ state: 'READY', message: 'waits for a disk' });
    });

    test('state, message and enable are one transaction, with what the caller writes', async () => {
      await datasets.update(
        db,
        'u1',
        'upload',
        { state: 'FAILED', message: 'half', enable: ['backup', 'backup', 'index'] },
        (tx) => rows(tx, "INSERT INTO observation VALUES ('u1', 'upload', 1)"),
      );
      expect((await datasets.status(db, 'u1')).map(({ operation, state }) => [operation, state])).toEqual([
        ['backup', 'READY'],
        ['index', 'READY'],
        ['upload', 'FAILED'],
      ]);
      const failed = datasets.enable(db, 'u2', ['index'], async () => {
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await datasets.status(db, 'u2')).toEqual([]);
      await db.transact(async (tx) => {
        await datasets.enable(tx, 'u3', ['index']);
        await datasets.update(tx, 'u3', 'index', { message: 'in the same one' });
      });
      expect(await one('u3', 'index')).toMatchObject({ state: 'READY', message: 'in the same one' });
    });

    test.each([
      [{}, 'expected a state'],
      [{ message: 'a\0b' }, 'message'],
    ])('an update of %j is refused', async (update, why) => {
      await expect(datasets.update(db, 'bad', 'index', update)).rejects.toThrow(why);
    });
  });

  /** Brings a target's index into a state. */
  const bring: Record<string, (target: string) => Promise<unknown>> = {
    nothing: async () => {},
    READY: (target) => datasets.enable(db, target, ['index']),
    WORKING: async (target) => {
      await datasets.enable(db, target, ['index']);
      await take(target);
    },
    OK: async (target) => {
      await datasets.enable(db, target, ['index']);
      await (await take(target)).finish();
    },
    WARNING: async (target) => {
      await datasets.enable(db, target, ['index']);
      await (await take(target)).finish({ state: 'WARNING', message: 'slow' });
    },
    FAILED: (target) => datasets.error(db, target, 'index', 'broken'),
  };
  const ALLOWED = new Set(
    ['nothing', 'READY', 'OK', 'WARNING', 'FAILED']
      .flatMap((from) => [`${from} READY`, `${from} ${from}`])
      .concat('nothing FAILED', 'READY FAILED', 'WORKING READY'),
  );

  test.each(
    Object.keys(bring).flatMap((from) =>
      (['READY', 'OK', 'WARNING', 'FAILED'] as const).map((to) => [from, to] as const),
    ),
  )('without a hold, from %s to %s: as the diagram says, or nothing is changed', async (from, to) => {
    const target = `${from} to ${to}`;
    await bring[from]!(target);
    const before = await one(target, 'index');
    const change = datasets.update(db, target, 'index', {
      state: to,
      message: 'changed',
      enable: ['backup'],
    });
    if (ALLOWED.has(`${from} ${to}`)) {
      await change;
      expect(await one(target, 'index')).toMatchObject({
        state: from === 'WORKING' ? 'WORKING' : to,
        message: 'changed',
      });
    } else {
      await expect(change).rejects.toThrow(InvalidTransitionError);
      await expect(change).rejects.toMatchObject({
        target,
        operation: 'index',
        from: from === 'nothing' ? undefined : from,
        to,
      });
      expect(await one(target, 'index')).toEqual(before);
      expect(await one(target, 'backup')).toBeUndefined();
    }
  });

  describe('work', () => {
    test('finish hands over: its end, the next READY, the stage’s own results, all or nothing', async () => {
      await datasets.enable(db, 'w1', ['index']);
      const index = await take('w1');
      expect(await one('w1', 'index')).toMatchObject({
        state: 'WORKING',
        sessionId: session.id,
        attempts: 1,
      });
      const failed = index.finish({ enable: ['backup'] }, () => {
        throw new Error('disk full');
      });
      await expect(failed).rejects.toThrow('disk full');
      expect(await stateOf('w1', 'backup')).toBeUndefined();
      const generation = await index.finish({ enable: ['backup', 'tool-index'] }, async (tx, number) => {
        await rows(tx, 'INSERT INTO observation VALUES ($1, $2, $3)', 'w1', 'index', String(number));
        return number;
      });
      expect(generation).toBe(1n);
      expect((await datasets.status(db, 'w1')).map(({ operation, state }) => [operation, state])).toEqual([
        ['backup', 'READY'],
        ['index', 'OK'],
        ['tool-index', 'READY'],
      ]);
    });

    test('OK without a message clears an old error, a WARNING keeps its message', async () => {
      await datasets.error(db, 'k1', 'index', 'broken');
      await datasets.enable(db, 'k1', ['index']);
      await (await take('k1')).finish();
      expect(await one('k1', 'index')).toMatchObject({ state: 'OK', message: undefined });
      await datasets.enable(db, 'k1', ['index']);
      await (await take('k1')).finish({ state: 'WARNING', message: 'two files skipped' });
      expect(await one('k1', 'index')).toMatchObject({
        state: 'WARNING',
        message: 'two files skipped',
        done: 3n,
      });
    });

    test('the holder’s error makes it FAILED, in the history with its message, and enabled it can be taken at once', async () => {
      await datasets.enable(db, 'f1', ['index']);
      await (await take('f1')).error('no such file', (tx) =>
        rows(tx, "INSERT INTO observation VALUES ('f1', 'index', 1)"),
      );
      expect(await one('f1', 'index')).toMatchObject({ state: 'FAILED', message: 'no such file' });
      const history = await rows(
        db,
        "SELECT event, cause FROM holdfast.work_history WHERE target = 'f1' AND kind = 'datasets:index' AND event <> 'started'",
      );
      expect(history).toEqual([['failed', 'no such file']]);
      await datasets.enable(db, 'f1', ['index']);
      await (await take('f1')).finish();
      expect(await stateOf('f1')).toBe('OK');
    });

    test('one operation of a target at a time: the one in the way is named', async () => {
      await datasets.enable(db, 'c1', ['index', 'backup']);
      const index = await take('c1');
      const conflict = datasets.takeTarget(other, 'backup', 'c1');
      await expect(conflict).rejects.toThrow(OperationConflictError);
      await expect(conflict).rejects.toMatchObject({ operation: 'index', sessionId: session.id });
      expect(
        (await datasets.take(other, 'backup', { wanted: 100 })).map(({ target }) => target),
      ).not.toContain('c1');
      await index.finish();
      await (await datasets.takeTarget(other, 'backup', 'c1')).finish();
      await expect(datasets.takeTarget(other, 'backup', 'c1')).rejects.toThrow(InvalidTransitionError);
    });

    test('enabled while it is worked on, it is READY again when it ends, once however often', async () => {
      await datasets.enable(db, 'g1', ['index']);
      const index = await take('g1');
      await datasets.enable(db, 'g1', ['index']);
      await datasets.enable(db, 'g1', ['index']);
      await index.finish();
      expect(await one('g1', 'index')).toMatchObject({ state: 'READY', requested: 2n, done: 1n });
      await (await take('g1')).finish();
      expect(await one('g1', 'index')).toMatchObject({ state: 'OK', requested: 2n, done: 2n });
    });

    test('two enables are one', async () => {
      await datasets.enable(db, 'g2', ['index']);
      await datasets.enable(db, 'g2', ['index']);
      await (await take('g2')).finish();
      expect(await one('g2', 'index')).toMatchObject({ state: 'OK', requested: 1n, done: 1n });
    });

    test('a dead worker’s operation is READY again, and it cannot end it any more', async () => {
      const victim = await db.startSession({ component: 'victim', intervalMs: 600_000 });
      await datasets.enable(db, 'd1', ['index']);
      const lost = await take('d1', victim);
      await kill(victim);
      expect(await one('d1', 'index')).toMatchObject({ state: 'READY', attempts: 1, sessionId: undefined });
      const mine = await take('d1');
      expect(mine.work.failures).toBe(1);
      await expect(lost.finish({ enable: ['backup'] })).rejects.toThrow(/expired|taken over/);
      await mine.finish();
      expect(await one('d1', 'index')).toMatchObject({ state: 'OK', done: 1n });
      expect(await one('d1', 'backup')).toBeUndefined();
    });

    test('with its attempts used up by dead workers it is FAILED, until it is enabled again', async () => {
      const set = definePipeline({ name: 'limited', operations: ['run'] });
      await set.setPolicy(db, { attempts: 1 });
      await set.enable(db, 'a1', ['run']);
      const victim = await db.startSession({ component: 'victim', intervalMs: 600_000 });
      await set.takeTarget(victim, 'run', 'a1');
      await kill(victim);
      await using janitor = runJanitor(db, { intervalMs: 600_000 });
      await janitor.sweep();
      expect((await set.status(db, 'a1'))[0]).toMatchObject({ state: 'FAILED', message: 'abandoned' });
      expect(await set.take(session, 'run')).toEqual([]);
      expect(await set.next(db, 'run')).toEqual([]);
      await set.enable(db, 'a1', ['run']);
      expect((await set.status(db, 'a1'))[0]).toMatchObject({ state: 'READY', attempts: 0 });
      await (await set.takeTarget(session, 'run', 'a1')).finish();
    });

    test('enabled while it is worked on, it is READY again when that ends in an error, with all its attempts', async () => {
      const set = definePipeline({ name: 'enabled', operations: ['run'] });
      await set.setPolicy(db, { attempts: 1 });
      await set.enable(db, 'e', ['run']);
      const first = await set.takeTarget(session, 'run', 'e');
      await set.enable(db, 'e', ['run']);
      await first.error('no disk');
      expect((await set.status(db, 'e'))[0]).toMatchObject({
        state: 'READY',
        attempts: 0,
        message: 'no disk',
      });
      await (await set.takeTarget(session, 'run', 'e')).finish();
      expect((await set.status(db, 'e'))[0]).toMatchObject({ state: 'OK', done: 2n });
    });

    test('one that is READY and backs off is told apart from one that another operation keeps away', async () => {
      await datasets.enable(db, 'o1', ['index']);
      await (await take('o1')).work.fail('not now', { backoff: { initialMs: 3_600_000 } });
      const refused = take('o1');
      await expect(refused).rejects.toThrow(OperationConflictError);
      await expect(refused).rejects.toThrow('it backs off');
    });

    test('a hand-over is as many statements and round trips however many operations it enables', async () => {
      await using proxy = await startFaultProxy({ url });
      await using counted = await connect({ url: proxy.url, driver });
      await using worker = await counted.startSession({ component: 'counted', intervalMs: 600_000 });
      const handOver = async (target: string, enable: readonly ('backup' | 'tool-index')[]) => {
        await datasets.enable(db, target, ['index']);
        const taken = await datasets.takeTarget(worker, 'index', target);
        const { statements, roundTrips } = await proxy.measure(() => taken.finish({ enable }));
        return { statements, roundTrips };
      };
      await handOver('q0', ['backup']);
      const [none, one, two] = [
        await handOver('q1', []),
        await handOver('q2', ['backup']),
        await handOver('q3', ['backup', 'tool-index']),
      ];
      // BEGIN with all that is known beforehand; the end with COMMIT.
      expect([none.roundTrips, one.roundTrips, two.roundTrips]).toEqual([2, 2, 2]);
      // The operations in one statement, and an announcement each.
      expect([one.statements - none.statements, two.statements - none.statements]).toEqual([2, 3]);
    });

    test('the end, what it makes READY, the lock row and the history are of one transaction', async () => {
      await datasets.enable(db, 'whole', ['index']);
      const taken = await datasets.takeTarget(session, 'index', 'whole');
      await taken.finish({ enable: ['backup'] });
      const writer = testEngine() === 'postgresql' ? 'xmin' : 'crdb_internal_mvcc_timestamp';
      const found = await rows(
        db,
        `SELECT ${writer}::TEXT FROM holdfast.operation WHERE target = 'whole'
         UNION ALL SELECT ${writer}::TEXT FROM holdfast.work WHERE target = 'whole'
         UNION ALL SELECT ${writer}::TEXT FROM holdfast.ended_work WHERE target = 'whole'`,
      );
      // The group's lock row is a third one of work.
      expect(found.length).toBe(6);
      expect(new Set(found.flat()).size).toBe(1);
    });

    test('enabled again after its only attempt died, it is READY at once, without a sweep', async () => {
      const once = definePipeline({ name: 'once', operations: ['index'] });
      await once.setPolicy(db, { attempts: 1 });
      await once.enable(db, 'd1', ['index']);
      const victim = await db.startSession({ component: 'victim', intervalMs: 600_000 });
      await once.takeTarget(victim, 'index', 'd1');
      await kill(victim);
      expect((await once.status(db, 'd1'))[0]!.state).toBe('FAILED');
      await once.enable(db, 'd1', ['index']);
      expect((await once.status(db, 'd1'))[0]!.state).toBe('READY');
      await (await once.takeTarget(session, 'index', 'd1')).finish();
    });

    test('given back, it is READY', async () => {
      await datasets.enable(db, 'b1', ['index']);
      const index = await take('b1');
      await index.update({ message: 'half', enable: ['backup'] });
      await index.release();
      expect(
        (await datasets.status(db, 'b1')).map(({ operation, state, message }) => [operation, state, message]),
      ).toEqual([
        ['backup', 'READY', undefined],
        ['index', 'READY', 'half'],
      ]);
    });
  });

  describe('delete', () => {
    test('excludes every operation of the target, and nothing makes one again', async () => {
      await datasets.enable(db, 'gone', ['index', 'backup']);
      const index = await take('gone');
      await expect(datasets.delete(other, 'gone')).rejects.toMatchObject({ operation: 'index' });
      await index.finish();
      await datasets.delete(other, 'gone');
      expect(await datasets.status(db, 'gone')).toEqual([]);
      for (const late of [
        () => datasets.enable(db, 'gone', ['index']),
        () => datasets.error(db, 'gone', 'index', 'late'),
        () => datasets.update(db, 'gone', 'index', { message: 'late' }),
      ])
        await expect(late()).rejects.toThrow(TargetDeletedError);
      expect(await datasets.status(db, 'gone')).toEqual([]);
      const history = await rows(db, "SELECT count(*) FROM holdfast.work_history WHERE target = 'gone'");
      expect(Number(history[0]![0])).toBeGreaterThanOrEqual(4);
    });
  });

  describe('reports', () => {
    const set = definePipeline({ name: 'reports', operations: ['a', 'b'] });
    beforeAll(async () => {
      for (const target of ['r1', 'r2', 'r3'])
        await set.error(db, target, 'a', target === 'r3' ? 'other' : 'same');
      await set.enable(db, 'r1', ['b']);
    });

    test('failures are grouped, and targets without an operation are told', async () => {
      expect(await set.failures(db)).toEqual([
        { operation: 'a', message: 'same', count: 2n, example: 'r1' },
        { operation: 'a', message: 'other', count: 1n, example: 'r3' },
      ]);
      expect(await set.missing(db, ['r9', 'r1', 'r8'])).toEqual(['r8', 'r9']);
    });

    test('a list goes in order, filtered', async () => {
      const listed = async (filter: Parameters<typeof set.list>[1]) => {
        const found: string[] = [];
        for await (const { target, operation } of set.list(db, filter)) found.push(`${target} ${operation}`);
        return found;
      };
      expect(await listed({})).toEqual(['r1 a', 'r1 b', 'r2 a', 'r3 a']);
      expect(await listed({ state: 'READY' })).toEqual(['r1 b']);
      expect(await listed({ message: 'same', operations: ['a'] })).toEqual(['r1 a', 'r2 a']);
      expect(await listed({ since: new Date(Date.now() + 3_600_000) })).toEqual([]);
    });

    test('a failure group is run again, and what waits or works is left alone', async () => {
      expect(await set.rerun(db, { message: 'same', targets: ['r1', 'r2', 'r3'] })).toBe(2);
      expect(await set.next(db, 'a', 10)).toEqual(['r1', 'r2']);
      expect(await set.rerun(db, {})).toBe(1);
    });
  });

  test('a status that is read while others write is one snapshot, and fails neither itself nor them', async () => {
    const set = definePipeline({ name: 'read', operations: ['a', 'b'] });
    const targets = Array.from({ length: 6 }, (_, n) => `read ${n}`);
    let writing = true;
    const readers = Array.from({ length: 4 }, async () => {
      while (writing)
        // Both are enabled in one transaction, so nobody sees one of them.
        for (const statuses of (await set.statusMany(db, targets)).values())
          expect([0, 2]).toContain(statuses.length);
    });
    for (let round = 0; round < 4; round++)
      await Promise.all(
        targets.map(async (target) => {
          await set.enable(db, target, ['a', 'b']);
          await (await set.takeTarget(session, 'a', target)).finish({ enable: ['b'] });
        }),
      );
    writing = false;
    await Promise.all(readers);
  });

  test('many writers of one target lose nothing, and one of them takes it', async () => {
    const set = definePipeline({ name: 'race', operations: ['a', 'b', 'c', 'd'] });
    const names = set.operations;
    await Promise.all(Array.from({ length: 24 }, (_, n) => set.enable(db, 'raced', [names[n % 4]!])));
    expect(
      (await set.status(db, 'raced')).map(({ operation, state, requested }) => [operation, state, requested]),
    ).toEqual(names.map((operation) => [operation, 'READY' satisfies OperationState, 1n]));
    const taken = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => set.takeTarget(n % 2 ? session : other, names[n % 4]!, 'raced')),
    );
    const won = taken.filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    const reasons = taken.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    for (const reason of reasons)
      expect(reason instanceof OperationConflictError || reason instanceof InvalidTransitionError).toBe(true);
  });
});

test.each([
  [{ name: '', operations: ['a'] }, 'name'],
  [{ name: 'p', operations: [] }, 'operations'],
  [{ name: 'p', operations: ['a', 'a'] }, 'operations'],
  [{ name: 'p', operations: ['delete'] }, 'operations.0'],
  [{ name: 'p:q', operations: ['a'] }, 'name'],
  [{ name: 'p', operations: ['a'], extra: 1 }, 'extra'],
])('a definition that cannot work is refused by name: %j', (definition, subject) => {
  expect(() => definePipeline(definition as never)).toThrow(expect.objectContaining({ subject }));
});
