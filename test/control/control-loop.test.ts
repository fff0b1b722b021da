import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Candidates,
  connect,
  type Database,
  MisuseError,
  runControlLoop,
  runJanitor,
  SessionExpiredError,
} from '../../src/index.ts';
import { releaseWork, workHistory } from '../../src/queries/work.ts';
import { refuse, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    await rows(db, 'CREATE TABLE job (job_id TEXT PRIMARY KEY, kind TEXT NOT NULL, done BOOL NOT NULL)');
  });
  afterAll(() => db?.close());

  const add = async (kind: string, count: number) => {
    for (let i = 0; i < count; i++)
      await rows(db, 'INSERT INTO job VALUES ($1, $2, false)', `${kind}-${i}`, kind);
  };
  const open = async (kind: string) =>
    Number((await rows(db, 'SELECT count(*) FROM job WHERE kind = $1 AND NOT done', kind))[0]![0]);
  const loopFor = (
    kind: string,
    {
      on = db,
      candidates,
      ...more
    }: Partial<Parameters<typeof runControlLoop>[1]> & { on?: Database; candidates?: Candidates } = {},
  ) =>
    runControlLoop(on, {
      parallelism: 4,
      pollIntervalMs: 100,
      source: {
        kind,
        candidates:
          candidates ??
          (async (tx, wanted) =>
            (
              await rows(
                tx,
                `SELECT job_id FROM job j WHERE kind = $1 AND NOT done AND NOT EXISTS (
               SELECT 1 FROM holdfast.unavailable_work u WHERE u.kind = $1 AND u.target = j.job_id)
             ORDER BY job_id LIMIT $2::INT8`,
                kind,
                String(wanted + 4),
              )
            ).map(([id]) => id!)),
      },
      handle: async (work) => {
        await work.finish(async (tx) => {
          await rows(tx, 'UPDATE job SET done = true WHERE job_id = $1', work.target);
        });
      },
      ...more,
    });

  test('three replicas drain a queue, each job once, and hold nothing afterwards', async () => {
    await add('drain', 30);
    const loops = [loopFor('drain'), loopFor('drain'), loopFor('drain')];
    await waitFor(async () => (await open('drain')) === 0);
    await Promise.all(loops.map((loop) => loop.stop()));
    const events = await rows(
      db,
      "SELECT event, count(*) FROM holdfast.work_history WHERE kind = 'drain' GROUP BY event ORDER BY event",
    );
    expect(events).toEqual([
      ['finished', '30'],
      ['started', '30'],
    ]);
    expect(await rows(db, "SELECT 1 FROM holdfast.work WHERE kind = 'drain' AND holder IS NOT NULL")).toEqual(
      [],
    );
    expect(await rows(db, "SELECT 1 FROM holdfast.session WHERE component = 'drain'")).toEqual([]);
  });

  test('work whose failure cannot be told to the database at once is not kept for ever: it is told later', async () => {
    await add('untold', 1);
    await using proxy = await startFaultProxy({ url: database.url });
    await using through = await connect({ url: proxy.url, driver });
    const refused = proxy.inject({
      direction: 'to-server',
      at: ({ sql }) => sql === releaseWork.definition.text,
      action: refuse('53200', 'out of memory'),
      times: 2,
    });
    const errors: string[] = [];
    const loop = loopFor('untold', {
      on: through,
      backoff: { initialMs: 1_000 },
      onError: (error, during) => errors.push(`${during}: ${(error as Error).message}`),
    });
    await waitFor(async () => (await open('untold')) === 0);
    await loop.stop();
    // The finish, then the first try to fail it.
    expect(refused.strikes).toBe(2);
    expect(errors).toEqual([
      expect.stringMatching(/^handle: .*out of memory/),
      expect.stringMatching(/^end: .*out of memory/),
    ]);
    const events = (await workHistory(db, { target: 'untold-0' })).map(({ event }) => event);
    expect(events).toEqual(['started', 'failed', 'started', 'finished']);
  });

  test('never more at once than its parallelism', async () => {
    await add('parallel', 12);
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    const loop = loopFor('parallel', {
      parallelism: 3,
      handle: async (work) => {
        most = Math.max(most, ++running);
        if (running === 3) gate.resolve();
        await gate.promise;
        await work.finish((tx) => rows(tx, 'UPDATE job SET done = true WHERE job_id = $1', work.target));
        running--;
      },
    });
    await waitFor(async () => (await open('parallel')) === 0);
    await loop.stop();
    expect(most).toBe(3);
  });

  test('a handler that throws fails the work with its message and the declared backoff', async () => {
    await add('throws', 1);
    const errors: unknown[] = [];
    const loop = loopFor('throws', {
      backoff: { initialMs: 90_000 },
      handle: async () => {
        throw new Error('disk on fire');
      },
      onError: (error, during) => errors.push([during, (error as Error).message]),
    });
    await waitFor(async () => (await workHistory(db, { target: 'throws-0' })).length === 2);
    await loop.stop();
    const [, failed] = await workHistory(db, { target: 'throws-0' });
    expect(failed).toMatchObject({ event: 'failed', cause: 'disk on fire' });
    expect(errors).toEqual([['handle', 'disk on fire']]);
    const [row] = await rows(db, "SELECT backoff_seconds FROM holdfast.work WHERE target = 'throws-0'");
    expect(row).toEqual(['90']);
  });

  test('a handler that returns without ending its work has failed it', async () => {
    await add('forgets', 1);
    const loop = loopFor('forgets', { backoff: { initialMs: 90_000 }, handle: async () => {} });
    await waitFor(async () => (await workHistory(db, { target: 'forgets-0' })).length === 2);
    await loop.stop();
    expect((await workHistory(db, { target: 'forgets-0' }))[1]).toMatchObject({
      event: 'failed',
      cause: 'the handler returned without ending the work',
    });
  });

  test('an expired session is replaced, and the loop goes on', async () => {
    const seen: (string | undefined)[] = [];
    const errors: unknown[] = [];
    const loop = loopFor('replaced', { onError: (error) => errors.push(error) });
    await waitFor(() => loop.state.sessionId);
    seen.push(loop.state.sessionId);
    await rows(db, 'DELETE FROM holdfast.session WHERE session_id = $1', seen[0]!);
    await add('replaced', 2);
    await waitFor(async () => (await open('replaced')) === 0);
    expect(loop.state.sessionId).not.toBe(seen[0]);
    expect(errors[0]).toBeInstanceOf(SessionExpiredError);
    await loop.stop();
  });

  test('stop waits for what runs within the grace time, then cancels it and lets go', async () => {
    await add('drained', 2);
    const started = { quick: Promise.withResolvers<void>(), stuck: Promise.withResolvers<void>() };
    const quick = Promise.withResolvers<void>();
    let aborted = false;
    const loop = loopFor('drained', {
      handle: async (work, signal) => {
        if (work.target === 'drained-0') {
          started.quick.resolve();
          await quick.promise;
          await work.finish((tx) => rows(tx, 'UPDATE job SET done = true WHERE job_id = $1', work.target));
        } else {
          started.stuck.resolve();
          signal.addEventListener('abort', () => {
            aborted = true;
          });
          await new Promise(() => {});
        }
      },
    });
    await Promise.all([started.quick.promise, started.stuck.promise]);
    const stopped = loop.stop({ graceMs: 300 });
    quick.resolve();
    await stopped;
    expect(aborted).toBe(true);
    expect(loop.state).toMatchObject({ running: false, active: 0 });
    expect((await workHistory(db, { target: 'drained-0' })).map(({ event }) => event)).toEqual([
      'started',
      'finished',
    ]);
    expect((await workHistory(db, { target: 'drained-1' })).map(({ event }) => event)).toEqual([
      'started',
      'canceled',
    ]);
  });

  test('a grace time without end waits for what runs', async () => {
    await add('patient', 1);
    const started = Promise.withResolvers<AbortSignal>();
    const go = Promise.withResolvers<void>();
    const loop = loopFor('patient', {
      handle: async (work, signal) => {
        started.resolve(signal);
        await go.promise;
        await work.finish((tx) => rows(tx, 'UPDATE job SET done = true WHERE job_id = $1', work.target));
      },
    });
    const signal = await started.promise;
    const stopped = loop.stop({ graceMs: Infinity });
    // Timers of a moment run before this answer comes.
    for (let round = 0; round < 5; round++) expect(await open('patient')).toBe(1);
    expect(signal.aborted).toBe(false);
    go.resolve();
    await stopped;
    expect(await open('patient')).toBe(0);
  });

  test('a wrong grace time is refused by name, and stops nothing', async () => {
    await using loop = loopFor('refuses', { candidates: () => [] });
    for (const graceMs of [-1, Number.NaN, 'soon' as never])
      await expect(loop.stop({ graceMs })).rejects.toMatchObject({ subject: 'graceMs' });
    await expect(loop.stop({ grace: 1 } as never)).rejects.toMatchObject({ subject: 'grace' });
    expect(loop.state.running).toBe(true);
  });

  test('a retrieval that fails is reported and tried again', async () => {
    await add('broken', 1);
    let looks = 0;
    const errors: unknown[] = [];
    const loop = loopFor('broken', {
      candidates: async () => {
        if (++looks < 3) throw new Error('no such table');
        return (await open('broken')) > 0 ? ['broken-0'] : [];
      },
      onError: (error, during) => errors.push([during, (error as Error).message]),
    });
    await waitFor(async () => (await open('broken')) === 0);
    await loop.stop();
    expect(errors).toEqual([
      ['claim', 'no such table'],
      ['claim', 'no such table'],
    ]);
  });

  test('an idle loop looks seldom, and a busy one no oftener than its rate limit', async () => {
    let looks = 0;
    const started = performance.now();
    const loop = loopFor('idle', {
      pollIntervalMs: 200,
      candidates: () => {
        looks++;
        return [];
      },
    });
    await waitFor(() => looks >= 8);
    const elapsedMs = performance.now() - started;
    await loop.stop();
    // 20, 40, 80, 160, 200, 200, 200 ms, each at least three quarters of that.
    expect(elapsedMs).toBeGreaterThan(0.7 * (20 + 40 + 80 + 160 + 200 + 200));
  });

  test.each([
    ['parallelism', { parallelism: 0 }],
    ['handle', { handle: undefined as never }],
    ['backoff.exponent', { backoff: { exponent: -1 } }],
    // What only the session would refuse, over and over.
    ['intervalMs', { intervalMs: 3_600_001 }],
    ['component', { component: 'c'.repeat(201) }],
  ])('a wrong %s is refused by name', (option, wrong) => {
    expect(() => loopFor('wrong', wrong)).toThrow(MisuseError);
    expect(() => loopFor('wrong', wrong)).toThrow(option);
  });

  test('a loop and a janitor without a database are refused by name', () => {
    const options = { source: { kind: 'none', candidates: () => [] }, handle: async () => {} };
    expect(() => runControlLoop(undefined as never, options)).toThrow(/^db: /);
    expect(() => runJanitor(undefined as never)).toThrow(/^db: /);
  });
});
