import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  connect,
  type Database,
  LeaseLostError,
  type Session,
  SessionExpiredError,
  type Work,
} from '../../src/index.ts';
import { workHistory } from '../../src/queries/work.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';

// The worker here believes itself alive all the time: its local clock never says otherwise. What refuses it is
// the database alone.
describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  let target: string;
  let count = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    await rows(db, 'CREATE TABLE machine (machine_id TEXT PRIMARY KEY, owner TEXT NOT NULL)');
    await rows(db, 'CREATE TABLE note (note_id TEXT PRIMARY KEY)');
  });
  afterAll(() => db?.close());
  beforeEach(async () => {
    target = `machine-${++count}`;
    await rows(db, 'INSERT INTO machine VALUES ($1, $2)', target, 'nobody');
  });

  const start = () => db.startSession({ component: 'test', intervalMs: 60_000 });
  const take = async (session: Session) => (await claimOne(session, 'install', () => [target]))!;
  const owner = async () =>
    (await rows(db, 'SELECT owner FROM machine WHERE machine_id = $1', target))[0]![0];
  const own = (name: string) => (tx: Parameters<Parameters<Database['transact']>[0]>[0]) =>
    rows(tx, 'UPDATE machine SET owner = $2 WHERE machine_id = $1', target, name);
  const passDeadline = (session: Session) =>
    rows(
      db,
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 ms' WHERE session_id = $1",
      session.id,
    );

  /** A holder whose work was taken over behind its back. */
  async function zombie(): Promise<{ old: Work; oldSession: Session; heir: Work; heirSession: Session }> {
    const oldSession = await start();
    const old = await take(oldSession);
    await passDeadline(oldSession);
    const heirSession = await start();
    const heir = await take(heirSession);
    return { old, oldSession, heir, heirSession };
  }

  test('work of a session past its deadline is taken over at once, with no janitor, token up by one', async () => {
    const { old, oldSession, heir, heirSession } = await zombie();
    expect(heir.token).toBe(old.token + 1n);
    expect(heir.takenFrom).toBe(oldSession.id);
    expect(await rows(db, 'SELECT 1 FROM holdfast.session WHERE session_id = $1', oldSession.id)).toEqual([]);
    const history = await workHistory(db, { target });
    expect(history.map(({ event, token, sessionId }) => [event, token, sessionId])).toEqual([
      ['started', old.token, oldSession.id],
      ['abandoned', old.token, oldSession.id],
      ['started', heir.token, heirSession.id],
    ]);
    await heirSession.close();
  });

  const attempts: [string, (work: Work, session: Session) => Promise<unknown>][] = [
    ['finish', (work) => work.finish(own('zombie'))],
    ['finish without a body', (work) => work.finish()],
    ['fail', (work) => work.fail('zombie', { backoff: { initialMs: 60_000 } })],
    ['cancel', (work) => work.cancel()],
    ['commit in the middle of the work', (work) => work.transact(own('zombie'))],
    ['commit by its session', (_, session) => session.transact(own('zombie'))],
    ['take other work', (_, session) => claimOne(session, 'other', () => [target])],
  ];
  test.each(attempts)('a zombie cannot %s, and changes nothing by trying', async (_, attempt) => {
    const { old, oldSession, heir, heirSession } = await zombie();
    const before = await workHistory(db, { target });
    await expect(attempt(old, oldSession)).rejects.toThrow(SessionExpiredError);
    expect(await owner()).toBe('nobody');
    expect(await workHistory(db, { target })).toEqual(before);
    expect(old.signal.aborted).toBe(true);
    // The heir was not disturbed: it still holds the work.
    await heir.finish(own('heir'));
    expect(await owner()).toBe('heir');
    await heirSession.close();
  });

  test.each(attempts.slice(0, 5))(
    '%s with a token that is no longer current is LeaseLostError, even for a live session',
    async (_, attempt) => {
      await using session = await start();
      const work = await take(session);
      await rows(db, 'UPDATE holdfast.work SET token = token + 1 WHERE target = $1', target);
      const before = await workHistory(db, { target });
      await expect(attempt(work, session)).rejects.toThrow(LeaseLostError);
      expect(work.signal.reason).toBeInstanceOf(LeaseLostError);
      expect(await owner()).toBe('nobody');
      expect(await workHistory(db, { target })).toEqual(before);
    },
  );

  test('a transaction begun before the take-over cannot overwrite what the heir has seen', async () => {
    const oldSession = await start();
    const old = await take(oldSession);
    const begun = Promise.withResolvers<void>();
    const takenOver = Promise.withResolvers<void>();
    const late = oldSession.transact(
      async (tx) => {
        await rows(tx, 'SELECT owner FROM machine WHERE machine_id = $1', target);
        begun.resolve();
        await takenOver.promise;
        await own('zombie')(tx);
      },
      { maxRetries: 3 },
    );
    late.catch(() => {});
    await begun.promise;
    await passDeadline(oldSession);
    await using heirSession = await start();
    const heir = await take(heirSession);
    await heir.transact(async (tx) => {
      expect((await rows(tx, 'SELECT owner FROM machine WHERE machine_id = $1', target))[0]).toEqual([
        'nobody',
      ]);
    });
    takenOver.resolve();
    await expect(late).rejects.toThrow(SessionExpiredError);
    expect(await owner()).toBe('nobody');
    expect(old.signal.aborted).toBe(true);
  });

  test('on PostgreSQL a transaction begun before the take-over commits nothing at all after it', async () => {
    if (database.engine !== 'postgresql') {
      // CockroachDB orders it before the take-over instead, which the test above shows to be harmless.
      expect(db.engine.capabilities.lockDetectsDelete).toBe(false);
      return;
    }
    const oldSession = await start();
    await take(oldSession);
    const begun = Promise.withResolvers<void>();
    const takenOver = Promise.withResolvers<void>();
    const late = oldSession.transact(async (tx) => {
      await rows(tx, 'INSERT INTO machine VALUES ($1, $2)', `${target}-blind`, 'zombie');
      begun.resolve();
      await takenOver.promise;
    });
    late.catch(() => {});
    await begun.promise;
    await passDeadline(oldSession);
    await using heirSession = await start();
    await take(heirSession);
    takenOver.resolve();
    await expect(late).rejects.toThrow(SessionExpiredError);
    expect(await rows(db, 'SELECT 1 FROM machine WHERE machine_id = $1', `${target}-blind`)).toEqual([]);
  });

  const endings: [string, (work: Work) => Promise<unknown>][] = [
    ['failed', (work) => work.fail('timed out', { backoff: { initialMs: 1 } })],
    ['canceled', (work) => work.cancel()],
    ['finished', (work) => work.finish()],
  ];
  test.each(endings)(
    'line 34: a slow transaction of a work that its own session %s meanwhile never commits',
    async (_, end) => {
      await using session = await start();
      const work = await take(session);
      const begun = Promise.withResolvers<void>();
      const ended = Promise.withResolvers<void>();
      const late = work.transact(async (tx) => {
        await rows(tx, 'SELECT 1');
        begun.resolve();
        await ended.promise;
        // Nobody reads this table: the token alone keeps the transaction from committing.
        await rows(tx, 'INSERT INTO note VALUES ($1)', target);
      });
      late.catch(() => {});
      await begun.promise;
      await end(work);
      await using heirSession = await start();
      await waitFor(
        async () =>
          (await rows(db, 'SELECT 1 FROM holdfast.unavailable_work WHERE target = $1', target)).length === 0,
      );
      await (await take(heirSession)).finish(own('heir'));
      ended.resolve();
      await expect(late).rejects.toThrow(LeaseLostError);
      expect(await rows(db, 'SELECT 1 FROM note WHERE note_id = $1', target)).toEqual([]);
      expect(work.signal.aborted).toBe(true);
    },
  );

  test('a transaction of a work commits with the end that its own body makes of it, and not without it', async () => {
    await using session = await start();
    const work = await take(session);
    const undone = new Error('undone');
    await expect(
      work.transact(async () => {
        await work.finish(own('me'));
        throw undone;
      }),
    ).rejects.toBe(undone);
    expect([work.ended, await owner()]).toEqual([false, 'nobody']);
    // A part that was rolled back takes the end back, and the token is proven at the commit again.
    await expect(
      work.transact(async (tx) => {
        const part = tx.transact(async () => {
          await work.finish();
          throw undone;
        });
        await expect(part).rejects.toBe(undone);
        await rows(db, 'UPDATE holdfast.work SET token = token + 1 WHERE target = $1', target);
        await own('zombie')(tx);
      }),
    ).rejects.toThrow(LeaseLostError);
    await rows(db, 'UPDATE holdfast.work SET token = token - 1 WHERE target = $1', target);
    await work.transact(() => work.finish(own('me')));
    expect([work.ended, await owner()]).toEqual([true, 'me']);
  });

  test('a heartbeat never revives a session past its deadline', async () => {
    const session = await db.startSession({ component: 'test', intervalMs: 400 });
    await passDeadline(session);
    await new Promise((resolve) => session.signal.addEventListener('abort', resolve, { once: true }));
    expect(session.signal.reason).toBeInstanceOf(SessionExpiredError);
    const [row] = await rows(
      db,
      'SELECT deadline < now() FROM holdfast.session_deadline WHERE session_id = $1',
      session.id,
    );
    expect(row).toEqual(['t']);
    await session.close();
  });

  test('closing a session cancels what it holds and frees it at once', async () => {
    const session = await start();
    const work = await take(session);
    await session.close();
    expect(work.ended).toBe(true);
    await using next = await start();
    expect((await take(next)).token).toBe(work.token + 1n);
    const events = (await workHistory(db, { target })).map(({ event }) => event);
    expect(events).toEqual(['started', 'canceled', 'started']);
  });

  test('work ends once: a second end is refused, and cancel after an end does nothing', async () => {
    await using session = await start();
    const work = await take(session);
    await work.finish(own('me'));
    await expect(work.finish()).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
    await expect(work.fail('x')).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
    await expect(work.transact(own('x'))).rejects.toMatchObject({ code: 'HOLDFAST_WORK_ENDED' });
    await work.cancel();
    const events = (await workHistory(db, { target })).map(({ event }) => event);
    expect(events).toEqual(['started', 'finished']);
  });

  test('a value that reads like the refusal of a lost lease is a value: the work stays held', async () => {
    await using session = await start();
    const work = await take(session);
    const forged = (tx: Parameters<Parameters<Database['transact']>[0]>[0]) =>
      rows(tx, 'SELECT CAST($1::TEXT AS INT8)', 'holdfast:lease-lost');
    for (const run of [
      () => work.transact(forged),
      () => work.finish(forged),
      () => session.finish([work], forged),
    ])
      await expect(run()).rejects.toMatchObject({ code: '22P02' });
    expect([work.signal.aborted, work.ended, session.expired]).toEqual([false, false, false]);
    await work.finish(own('me'));
    expect(await owner()).toBe('me');
  });

  test('a finish whose body throws commits nothing and leaves the work held, so that it can still fail', async () => {
    await using session = await start();
    const work = await take(session);
    const mine = new Error('mine');
    await expect(
      work.finish(async (tx) => {
        await own('half')(tx);
        throw mine;
      }),
    ).rejects.toBe(mine);
    expect(await owner()).toBe('nobody');
    await work.fail('mine', { backoff: { initialMs: 1_000 } });
    const history = await workHistory(db, { target });
    expect(history.map(({ event, cause }) => [event, cause])).toEqual([
      ['started', null],
      ['failed', 'mine'],
    ]);
  });

  test('a handle that goes out of scope unended is canceled', async () => {
    await using session = await start();
    {
      await using work = await take(session);
      expect(work.ended).toBe(false);
    }
    expect(session.held).toEqual([]);
    expect((await workHistory(db, { target })).map(({ event }) => event)).toEqual(['started', 'canceled']);
  });
});
