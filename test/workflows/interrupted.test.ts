import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlLoop, connect, type Database, type Session } from '../../src/index.ts';
import {
  dropReply,
  failAtEveryAction,
  killAtEveryStep,
  runActionsTwice,
  runUntilQuiet,
  startFaultProxy,
} from '../../src/testing/index.ts';
import { defineWorkflow, TransitionError } from '../../src/workflows/index.ts';
import { createTestDatabase, DRIVERS, seededRandom, waitFor } from '../support/database.ts';
import { killConnections } from '../support/kill-connections.ts';
import { rows } from '../support/sql.ts';
import { defineUnit, INCONSISTENT, kill } from './support.ts';

describe.each(DRIVERS)('interrupted workflows on %s', (driver) => {
  let url: string;
  let db: Database;
  beforeAll(async () => {
    ({ url } = await createTestDatabase());
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
    await rows(db, 'CREATE TABLE effect (key TEXT PRIMARY KEY, times INT8 NOT NULL)');
  });
  afterAll(() => db?.close());

  /** As a system outside would: by the idempotency key. */
  const note = (key: string) =>
    rows(
      db,
      'INSERT INTO effect AS e VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET times = e.times + 1',
      key,
    );
  const work = defineWorkflow({
    name: 'work',
    version: 1,
    states: ['fetched', 'checked', 'bad', 'stored'],
    transitions: {
      fetch: { from: null, to: 'fetched', automatic: true, keepVariables: true },
      check: { from: 'fetched', to: 'checked', automatic: true, error: 'reject', keepVariables: true },
      reject: { from: 'fetched', to: 'bad', keepVariables: true },
      store: { from: 'checked', to: 'stored', automatic: true, keepVariables: true },
      repair: { from: 'bad', to: 'stored', automatic: true, keepVariables: true },
    },
  });
  const actions = {
    fetch: async ({ key }) => {
      await note(key);
      return { size: 3 };
    },
    check: async ({ key, variables }) => {
      await note(key);
      if (variables['bad']) throw new TransitionError('the checksum differs');
    },
    store: ({ key }) => note(key).then(() => ({ stored: true })),
    repair: ({ key }) => note(key).then(() => ({ stored: 'repaired' })),
  } satisfies Parameters<typeof work.run>[1];

  describe.each([
    ['good', {}, { size: 3, stored: true }],
    ['bad', { bad: true }, { bad: true, size: 3, stored: 'repaired' }],
  ] as const)('a %s one', (how, variables, outcome) => {
    const trial = {
      workflow: work,
      actions,
      prefix: `${driver}-${how}`,
      start: (target: string) => work.start(db, target, { variables }),
      check: async (target: string) => {
        expect(await work.status(db, target)).toMatchObject({
          state: 'stored',
          variables: outcome,
          endedAt: expect.any(Date),
        });
        expect(await rows(db, INCONSISTENT)).toEqual([]);
      },
    };

    test('whose worker is killed before and after every write ends with one outcome for each transition', async () => {
      const writes = await killAtEveryStep({ ...trial, db });
      expect(writes).toBe(how === 'good' ? 4 : 5);
    });

    test('whose worker is killed in every action ends the same', async () => {
      expect(await failAtEveryAction({ ...trial, db })).toBe(3);
    });

    test('each of whose actions runs twice does it with the same key', async () => {
      const target = `${driver}-${how}-twice`;
      await work.start(db, target, { variables });
      await runUntilQuiet(db, work, target, runActionsTwice(actions));
      await trial.check(target);
      const times = await rows(db, 'SELECT times FROM effect WHERE key LIKE $1', `work/${target}/%`);
      expect(times).toEqual([['2'], ['2'], ['2']]);
    });
  });

  test('a write whose answer is lost is looked up, carried out once, and the instance goes on', async () => {
    await using proxy = await startFaultProxy({ url });
    await using through = await connect({ url: proxy.url, driver, tls: { mode: 'disable' } });
    await using session = await through.startSession({ component: 'cut off', intervalMs: 600_000 });
    for (const what of ['AS stepped', 'AS finished']) {
      const target = `${driver}-lost-${what.slice(3)}`;
      await work.start(db, target);
      const [held] = await session.claim({ kind: work.kind, candidates: () => [target] });
      let lost = 0;
      proxy.inject({
        direction: 'to-server',
        at: ({ type, sql }) => {
          if (lost > 0 || !/[EQ]/.test(type ?? '') || !sql?.includes(what)) return false;
          lost++;
          return true;
        },
        action: dropReply(),
      });
      await work.run(held!, actions);
      proxy.calm();
      expect(lost).toBe(1);
      expect(await work.status(db, target)).toMatchObject({ state: 'stored', endedAt: expect.any(Date) });
      expect(await rows(db, INCONSISTENT)).toEqual([]);
      const fired = (await work.history(db, target)).filter(({ event }) => event === 'fired');
      expect(fired.map(({ transition, attempt }) => `${transition} ${attempt}`)).toEqual([
        'fetch 1',
        'check 1',
        'store 1',
      ]);
    }
  });

  test('workers that die again and again leave nothing behind, and one outcome for each transition', async () => {
    const random = seededRandom('workflows: workers that die');
    const unit = defineUnit('dying');
    const targets = Array.from({ length: 30 }, (_, n) => `d${n}`);
    const loops = [1, 2, 3].map(
      (n): ControlLoop =>
        unit.runLoop(db, {
          component: `worker ${n}`,
          actions: { install: ({ key }) => note(key).then(() => undefined) },
          intervalMs: 60_000,
          parallelism: 4,
          pollIntervalMs: 50,
        }),
    );
    let kills = 0;
    for (const target of targets) {
      await unit.start(db, target);
      const { sessionId } = random.pick(loops).state;
      if (sessionId !== undefined && random.next() < 0.4) {
        await kill(db, { id: sessionId } as Session);
        kills++;
      }
    }
    await waitFor(async () => {
      const open = await rows(
        db,
        "SELECT 1 FROM holdfast.workflow WHERE workflow = 'dying' AND (state <> 'started' OR state IS NULL OR in_flight IS NOT NULL)",
      );
      return open.length === 0;
    });
    await Promise.all(loops.map((loop) => loop.stop()));
    expect(kills).toBeGreaterThan(0);
    expect(await rows(db, INCONSISTENT)).toEqual([]);
    expect(await rows(db, 'SELECT 1 FROM holdfast.work WHERE holder IS NOT NULL')).toEqual([]);
  });

  test('a recovery of 250 that is cut in the middle, worker and connections, leaves none behind', async () => {
    const cut = defineWorkflow({
      name: 'cut',
      version: 1,
      states: ['a', 'b'],
      transitions: {
        first: { from: null, to: 'a', automatic: true, retry: { backoff: { initialMs: 0 } } },
        second: { from: 'a', to: 'b', automatic: true, retry: { backoff: { initialMs: 0 } } },
      },
    });
    await cut.startMany(
      db,
      Array.from({ length: 250 }, (_, n) => ({ target: `r${n}` })),
    );
    // A worker that has all of them in flight dies.
    const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
    const works = await doomed.claim(cut.source(), { wanted: 250 });
    expect(works.length).toBe(250);
    const dead = Promise.withResolvers<never>();
    dead.promise.catch(() => {});
    const begun = new Set<string>();
    const running = works.map((held) =>
      cut
        .run(held, {
          second: ({ target }) => {
            begun.add(target);
            return dead.promise;
          },
        })
        .catch((error: unknown) => error),
    );
    await waitFor(() => begun.size === 250);
    await kill(db, doomed);
    dead.reject(new Error('its worker died'));
    // Who recovers them dies in the middle as well, and every connection with it.
    const applicationName = `cut-${driver}`;
    const through = await connect({ url, driver, applicationName });
    const recovered = new Set<string>();
    const third = Promise.withResolvers<void>();
    const cutLoop = cut.runLoop(through, {
      pollIntervalMs: 50,
      parallelism: 8,
      intervalMs: 60_000,
      actions: {
        second: ({ target }) => {
          recovered.add(target);
          if (recovered.size === 80) third.resolve();
        },
      },
    });
    await third.promise;
    await killConnections(url, applicationName);
    if (cutLoop.state.sessionId) await kill(db, { id: cutLoop.state.sessionId } as Session);
    await cutLoop.stop({ graceMs: 0 });
    await through.close();
    await Promise.all(running);
    await using last = cut.runLoop(db, { pollIntervalMs: 50, parallelism: 8, actions: {} });
    await waitFor(
      async () =>
        (await rows(db, "SELECT 1 FROM holdfast.workflow WHERE workflow = 'cut' AND ended_at IS NULL"))
          .length === 0,
    );
    expect(last.state.running).toBe(true);
    expect(await rows(db, INCONSISTENT)).toEqual([]);
  });
});
