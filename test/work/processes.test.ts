import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, type Work } from '../../src/index.ts';
import { workHistory } from '../../src/queries/work.ts';
import { Child } from '../support/child.ts';
import { claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const INTERVAL_MS = 2_000;
const holder = new URL('./children/holder.ts', import.meta.url);

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    await rows(db, 'CREATE TABLE machine (machine_id TEXT PRIMARY KEY, owner TEXT NOT NULL)');
  });
  afterAll(() => db?.close());

  const hold = async (target: string) => {
    await rows(db, "INSERT INTO machine VALUES ($1, 'nobody'), ($1 || '-open', 'nobody')", target);
    const child = new Child(holder, [database.url, driver, target, String(INTERVAL_MS)]);
    const [said, sessionId, token] = (await child.line()).split(' ');
    expect(said).toBe('held');
    return { child, sessionId: sessionId!, token: BigInt(token!) };
  };
  const takeOver = async (target: string) => {
    const session = await db.startSession({ component: 'heir' });
    const work = await waitFor((): Promise<Work | undefined> => claimOne(session, 'hold', () => [target]), {
      intervalMs: 50,
    });
    return { session, work };
  };
  const owners = async (target: string) =>
    (
      await rows(
        db,
        'SELECT owner FROM machine WHERE machine_id IN ($1, $2) ORDER BY machine_id',
        target,
        `${target}-open`,
      )
    ).flat();

  test('work of a process that was killed is taken over once its last heartbeat is an interval old', async () => {
    const { child, sessionId, token } = await hold('killed');
    await using _ = child;
    child.signal('SIGKILL');
    await child.exited;
    const { session, work } = await takeOver('killed');
    expect(work.token).toBe(token + 1n);
    expect(work.takenFrom).toBe(sessionId);
    // Never before the dead holder's own deadline, by the database's clock.
    const history = await workHistory(db, { target: 'killed' });
    expect(history.map(({ event }) => event)).toEqual(['started', 'abandoned', 'started']);
    await work.finish();
    await session.close();
    expect(await owners('killed')).toEqual(['nobody', 'nobody']);
  });

  test('a process stopped past its deadline and continued can do nothing: every try fails and changes nothing', async () => {
    const { child, token } = await hold('stopped');
    await using _ = child;
    child.signal('SIGSTOP');
    const { session, work } = await takeOver('stopped');
    expect(work.token).toBe(token + 1n);
    const before = await workHistory(db, { target: 'stopped' });
    // The stopped process is in the middle of a transaction with a row lock: it must not keep its heir waiting.
    await work.transact((tx) =>
      rows(tx, "UPDATE machine SET owner = 'nobody' WHERE machine_id = 'stopped-open'"),
    );
    child.signal('SIGCONT');
    for (const attempt of ['open', 'checkpoint', 'finish', 'fail', 'cancel', 'transact', 'work']) {
      const answer = await child.ask(attempt);
      expect(answer).toMatch(new RegExp(`^${attempt} HOLDFAST_SESSION_EXPIRED$`));
    }
    expect(await owners('stopped')).toEqual(['nobody', 'nobody']);
    expect(await workHistory(db, { target: 'stopped' })).toEqual(before);
    await work.finish((tx) => rows(tx, "UPDATE machine SET owner = 'heir' WHERE machine_id = 'stopped'"));
    expect(await owners('stopped')).toEqual(['heir', 'nobody']);
    await session.close();
    child.process.stdin!.write('exit\n');
    expect(await child.exited).toBe(0);
  });
});
