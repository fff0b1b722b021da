import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimJob } from '../../examples/queue/generated/job.ts';
import {
  AmbiguousCommitError,
  ConnectionLostError,
  connect,
  type Database,
  type Session,
} from '../../src/index.ts';
import { addJobs, createQueue } from '../claim/support.ts';
import { claimMany } from '../support/claim.ts';
import {
  createTestDatabase,
  DRIVERS,
  seededRandom,
  type TestDatabase,
  testEngine,
} from '../support/database.ts';
import { cancelQueries, killConnections } from '../support/kill-connections.ts';
import { rows, sql } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

const NAME = 'to-be-canceled';
const TURNS = testEngine() === 'cockroachdb' ? 30 : 8;
const INSERT = 'INSERT INTO written (id) VALUES ($1)';

// An operator's cancels come whenever they come: before a commit, in the midst of it, too late. CockroachDB answers
// some of those that came too late as if they had not: with 57014, with XXUUU "context canceled".
describe.each(DRIVERS)('canceled by an operator, on %s', (driver) => {
  expectNoUncaughtErrors();
  const random = seededRandom(`canceled on ${driver}`);
  let database: TestDatabase;
  let db: Database;
  let direct: Database;
  let session: Session;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver, applicationName: NAME, pool: { max: 8 } });
    direct = await connect({ url: database.url });
    await rows(direct, 'CREATE TABLE written (id TEXT PRIMARY KEY)');
    await createQueue(direct);
    session = await db.startSession({ component: 'test', intervalMs: 600_000 });
  });
  afterAll(async () => {
    await db?.close();
    await direct?.close();
  });

  /** Runs `act` over and over, six at a time, while an operator cancels statements and sessions. */
  const amidCancels = async (act: (n: number) => Promise<unknown>): Promise<void> => {
    let going = true;
    let n = 0;
    const actor = async () => {
      while (going) await act(n++);
    };
    const actors = Array.from({ length: 6 }, actor);
    let canceled = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      canceled += await (turn % 3 === 2 ? killConnections : cancelQueries)(database.url, NAME);
      // The canceled one gets a little further in between.
      await delay(random.integer(5, 40));
    }
    going = false;
    await Promise.all(actors);
    expect(canceled).toBeGreaterThan(0);
  };

  /** What each said, against what is there. */
  const untrue = async (prefix: string, write: (id: string) => Promise<unknown>) => {
    const said = new Map<string, unknown>();
    await amidCancels(async (n) => {
      const id = `${prefix}-${n}`;
      said.set(
        id,
        await write(id).then(
          () => 'written',
          (error: unknown) => error,
        ),
      );
    });
    const there = new Set((await rows(direct, 'SELECT id FROM written')).map(([id]) => id));
    return [...said].filter(([id, told]) =>
      told === 'written' ? !there.has(id) : !leavesOpen(told) && there.has(id),
    );
  };
  const leavesOpen = (told: unknown) =>
    told instanceof AmbiguousCommitError || told instanceof ConnectionLostError;

  test('line 37: with a marker every transaction is told the truth, and none is ambiguous', async () => {
    const ambiguous: unknown[] = [];
    const lies = await untrue('marked', (id) =>
      db
        .transact((tx) => tx.execute(sql(INSERT, id)), { commitMarker: true })
        .catch((error: unknown) => {
          if (leavesOpen(error)) ambiguous.push(error);
          throw error;
        }),
    );
    expect([lies, ambiguous]).toEqual([[], []]);
  });

  test('without a marker what is told as rolled back is', async () => {
    expect(await untrue('plain', (id) => db.transact((tx) => tx.execute(sql(INSERT, id))))).toEqual([]);
  });

  test('one implicit statement that is told as refused is', async () => {
    expect(await untrue('implicit', (id) => db.execute(sql(INSERT, id)))).toEqual([]);
  });

  test('one fenced statement that is told as rolled back is', async () => {
    expect(await untrue('fenced', (id) => session.execute(sql(INSERT, id)))).toEqual([]);
  });

  test('no claim leaves work held that nobody has', async () => {
    await addJobs(direct, 1_000, 7n);
    await amidCancels(async (n) => {
      const claiming =
        n % 2 === 0
          ? session.claim(claimJob.with({ buckets: [7n] }), { wanted: 2 })
          : claimMany(session, 'other', 2, () => [`a-${n}`, `b-${n}`]);
      await claiming.catch(() => {});
    });
    const held = await rows(direct, 'SELECT kind, target FROM holdfast.work WHERE holder = $1', session.id);
    const names = (of: readonly (readonly (string | null)[])[]) => of.map((one) => one.join(' of ')).sort();
    expect(names(held)).toEqual(names(session.held.map(({ kind, target }) => [kind, target])));
    expect(held.length).toBeGreaterThan(0);
  });
});
