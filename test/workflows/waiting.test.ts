import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type Database, MisuseError, runJanitor, type Session } from '../../src/index.ts';
import { ageInstance, runUntilQuiet, startFaultProxy } from '../../src/testing/index.ts';
import {
  defineWorkflow,
  listInstances,
  TransitionError,
  WorkflowNotFoundError,
  workflowsFace,
} from '../../src/workflows/index.ts';
import { createTestDatabase, DRIVERS, testEngine, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { breaks, kill } from './support.ts';

const HOUR = 3_600_000;

/** Waits for an approval, a day at most; a note does not leave the state. */
const order = defineWorkflow({
  name: 'order',
  version: 1,
  states: ['waiting', 'approved', 'expired', 'canceled'],
  transitions: {
    ask: { from: null, to: 'waiting', automatic: true, keepVariables: true },
    approve: {
      from: 'waiting',
      to: 'approved',
      signal: 'approval',
      args: z.object({ by: z.string() }),
      keepVariables: true,
    },
    note: { from: 'waiting', to: 'waiting', signal: 'note', keepVariables: true, keepTimers: true },
    restart: { from: 'waiting', to: 'waiting', signal: 'restart', keepVariables: true },
    expire: { from: 'waiting', to: 'expired', after: { ms: 24 * HOUR } },
    abandon: { from: ['waiting'], to: 'canceled' },
  },
  cancel: 'abandon',
});

describe.each(DRIVERS)('waiting workflows on %s', (driver) => {
  let url: string;
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    ({ url } = await createTestDatabase());
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
  });
  afterAll(() => db?.close());

  let targets = 0;
  const fresh = () => `w${++targets}`;
  const quiet = (target: string, actions: Parameters<typeof order.run>[1] = {}) =>
    runUntilQuiet(db, order, target, actions);
  const begun = async () => {
    const target = fresh();
    await order.start(db, target, { variables: { item: 'disk' } });
    await quiet(target);
    return target;
  };
  const stateOf = async (target: string) => (await order.status(db, target))!.state;

  describe('a timer', () => {
    test('is due by the time its state was entered, and fires at the first look after it', async () => {
      const target = await begun();
      const { dueAt, enteredAt, sessionId } = (await order.status(db, target))!;
      expect(dueAt!.getTime() - enteredAt.getTime()).toBe(24 * HOUR);
      expect(sessionId).toBeUndefined();
      expect(await session.claim(order.source())).toEqual([]);
      await ageInstance(db, order, target, 23 * HOUR);
      await quiet(target);
      expect(await stateOf(target)).toBe('waiting');
      // Nobody was there when it was over, and for two hours more.
      await ageInstance(db, order, target, 3 * HOUR);
      await quiet(target);
      expect(await order.status(db, target)).toMatchObject({ state: 'expired', endedAt: expect.any(Date) });
    });

    test('goes on counting over a transition to its own state that keeps it, and begins anew over another one', async () => {
      const target = await begun();
      await ageInstance(db, order, target, 20 * HOUR);
      const { enteredAt } = (await order.status(db, target))!;
      await order.signal(db, target, 'note', { text: 'soon' });
      await quiet(target);
      const noted = (await order.status(db, target))!;
      expect(noted).toMatchObject({ enteredAt, variables: { item: 'disk', text: 'soon' } });
      expect(noted.dueAt!.getTime() - enteredAt.getTime()).toBe(24 * HOUR);
      await order.signal(db, target, 'restart');
      await quiet(target);
      const restarted = (await order.status(db, target))!;
      expect(restarted.enteredAt.getTime()).toBeGreaterThan(enteredAt.getTime());
      expect(restarted.dueAt!.getTime() - restarted.enteredAt.getTime()).toBe(24 * HOUR);
    });

    test('whose action cannot be done, without an error transition, counts anew and is no loop', async () => {
      const target = await begun();
      await ageInstance(db, order, target, 25 * HOUR);
      await quiet(target, {
        expire: () => {
          throw new TransitionError('not yet');
        },
      });
      const { state, dueAt, enteredAt } = (await order.status(db, target))!;
      expect([state, dueAt!.getTime() - enteredAt.getTime()]).toEqual(['waiting', 24 * HOUR]);
    });
  });

  describe('a signal', () => {
    test('wakes the instance, once a key, and its payload is the arguments', async () => {
      const target = await begun();
      expect(await order.signal(db, target, 'approval', { by: 'ann' }, { key: 'k1' })).toBe(true);
      expect(await order.signal(db, target, 'approval', { by: 'ann' }, { key: 'k1' })).toBe(false);
      await quiet(target);
      expect(await order.status(db, target)).toMatchObject({
        state: 'approved',
        variables: { item: 'disk', by: 'ann' },
      });
      expect(await order.signal(db, target, 'approval', { by: 'bob' })).toBe(false);
    });

    test('that comes before the state that waits for it is kept', async () => {
      const target = fresh();
      await order.start(db, target);
      await order.signal(db, target, 'approval', { by: 'early' });
      await quiet(target);
      expect(await stateOf(target)).toBe('approved');
    });

    test('that came before the time was over wins, one that came later does not', async () => {
      const [early, late] = [await begun(), await begun()];
      await order.signal(db, early, 'approval', { by: 'ann' });
      await rows(
        db,
        "UPDATE holdfast.workflow_signal SET at = at - INTERVAL '2 hours' WHERE target = $1",
        early,
      );
      await ageInstance(db, order, early, 25 * HOUR);
      await ageInstance(db, order, late, 25 * HOUR);
      await order.signal(db, late, 'approval', { by: 'ann' });
      for (const target of [early, late]) await quiet(target);
      expect([await stateOf(early), await stateOf(late)]).toEqual(['approved', 'expired']);
    });

    test('that comes while the state is being left is not lost', async () => {
      const target = fresh();
      await order.start(db, target);
      await quiet(target, {
        ask: async () => {
          await order.signal(db, target, 'approval', { by: 'meanwhile' });
        },
      });
      expect(await stateOf(target)).toBe('approved');
    });

    test('that is not declared, does not fit, or is for nobody is refused', async () => {
      const target = await begun();
      await expect(order.signal(db, target, 'approvl' as never)).rejects.toThrow(
        /name: "approvl" is not a signal; there are approval, note, restart/,
      );
      await expect(order.signal(db, target, 'approval', { by: 7 })).rejects.toThrow(/by: /);
      await expect(order.signal(db, 'nobody', 'approval', { by: 'x' })).rejects.toThrow(
        WorkflowNotFoundError,
      );
    });
  });

  describe('a cancel', () => {
    test('of an instance that waits fires the cancel transition, once', async () => {
      const target = await begun();
      expect(await order.cancel(db, target, { reason: 'changed my mind' })).toBe(true);
      expect(await order.cancel(db, target)).toBe(false);
      await quiet(target);
      const status = (await order.status(db, target))!;
      expect(status).toMatchObject({
        state: 'canceled',
        cancelReason: 'changed my mind',
        endedAt: expect.any(Date),
      });
      await expect(order.cancel(db, 'nobody')).rejects.toThrow(WorkflowNotFoundError);
    });

    test('tells the action in flight by its signal, records its outcome, and fires the cancel transition', async () => {
      const target = await begun();
      await order.signal(db, target, 'approval', { by: 'ann' });
      const running = Promise.withResolvers<void>();
      await using loop = order.runLoop(db, {
        pollIntervalMs: 50,
        actions: {
          approve: async ({ signal }) => {
            running.resolve();
            await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          },
        },
      });
      await running.promise;
      await order.cancel(db, target, { reason: 'stop it' });
      await waitFor(async () => (await order.status(db, target))!.endedAt);
      const history = (await order.history(db, target)).slice(3);
      expect(history.map(({ event, transition, message }) => [event, transition, message])).toEqual([
        ['fired', 'approve', undefined],
        ['canceled', undefined, 'stop it'],
        ['failed', 'approve', 'canceled: stop it'],
        ['fired', 'abandon', undefined],
        ['done', 'abandon', undefined],
        ['ended', undefined, undefined],
      ]);
      expect(loop.state.running).toBe(true);
    });

    test('does not abort the action of the cancel transition itself', async () => {
      const target = await begun();
      await order.signal(db, target, 'approval', { by: 'ann' });
      const running = Promise.withResolvers<void>();
      const aborted: boolean[] = [];
      await using loop = order.runLoop(db, {
        pollIntervalMs: 50,
        actions: {
          approve: async ({ signal }) => {
            running.resolve();
            await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          },
          abandon: ({ signal }) => {
            aborted.push(signal.aborted);
          },
        },
      });
      await running.promise;
      await order.cancel(db, target);
      await waitFor(async () => (await order.status(db, target))!.endedAt);
      expect([aborted, await stateOf(target), loop.state.running]).toEqual([[false], 'canceled', true]);
    });

    test('where none is declared from the state ends the instance where it is', async () => {
      const plain = defineWorkflow({
        name: 'plain',
        version: 1,
        states: ['a', 'b'],
        transitions: { go: { from: null, to: 'a', automatic: true }, on: { from: 'a', to: 'b' } },
      });
      const target = fresh();
      await plain.start(db, target);
      await runUntilQuiet(db, plain, target, {});
      await plain.cancel(db, target);
      await runUntilQuiet(db, plain, target, {});
      expect(await plain.status(db, target)).toMatchObject({ state: 'a', endedAt: expect.any(Date) });
      expect((await plain.history(db, target)).at(-1)).toMatchObject({ event: 'ended', message: 'canceled' });
    });

    test('of what is in flight and whose worker died does not run it again', async () => {
      const target = await begun();
      await order.signal(db, target, 'approval', { by: 'ann' });
      const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
      const instance = (await order.hold(doomed, target, { approve: breaks() }))!;
      await expect(instance.synchronize()).rejects.toThrow('broken');
      await order.cancel(db, target);
      await kill(db, doomed);
      await quiet(target, { approve: breaks('run again') });
      expect(await stateOf(target)).toBe('canceled');
    });
  });

  describe('a child', () => {
    const part = defineWorkflow({
      name: 'part',
      version: 1,
      states: ['made', 'scrapped'],
      transitions: {
        make: { from: null, to: 'made', signal: 'go', keepVariables: true },
        scrap: { from: null, to: 'scrapped' },
      },
      cancel: 'scrap',
    });
    const whole = defineWorkflow({
      name: 'whole',
      version: 1,
      states: ['built', 'given_up', 'broken'],
      transitions: {
        build: {
          from: null,
          to: 'built',
          automatic: true,
          error: 'break',
          child: {
            workflow: part,
            target: ({ target }: { target: string }) => `${target}-part`,
            variables: () => ({ size: 3 }),
          },
        },
        break: { from: null, to: 'broken' },
        give_up: { from: null, to: 'given_up' },
      },
      cancel: 'give_up',
    });
    const both = async (target: string) => {
      for (const _ of [1, 2]) {
        await runUntilQuiet(db, whole, target, { build: ({ child }) => ({ got: child!.variables }) });
        await runUntilQuiet(db, part, `${target}-part`, {});
      }
      await runUntilQuiet(db, whole, target, { build: ({ child }) => ({ got: child!.variables }) });
    };

    test('is started once and waited for, and nobody holds the parent meanwhile', async () => {
      const target = fresh();
      await whole.start(db, target);
      await both(target);
      expect(await whole.status(db, target)).toMatchObject({
        state: null,
        inFlight: { transition: 'build', attempt: 1 },
        dueAt: undefined,
        sessionId: undefined,
      });
      expect(await part.status(db, `${target}-part`)).toMatchObject({
        variables: { size: 3 },
        parent: { workflow: 'whole', target },
      });
      await part.signal(db, `${target}-part`, 'go', { speed: 9 });
      await both(target);
      expect(await whole.status(db, target)).toMatchObject({
        state: 'built',
        variables: { got: { size: 3, speed: 9 } },
        endedAt: expect.any(Date),
      });
    });

    test('is reached by the cancel of its parent, which waits for its end', async () => {
      const target = fresh();
      await whole.start(db, target);
      await both(target);
      await whole.cancel(db, target, { reason: 'enough' });
      await both(target);
      expect(await part.status(db, `${target}-part`)).toMatchObject({
        state: 'scrapped',
        cancelReason: 'enough',
      });
      expect(await whole.status(db, target)).toMatchObject({ state: 'given_up', endedAt: expect.any(Date) });
    });
  });

  describe('versions', () => {
    const first = defineWorkflow({
      name: 'versioned',
      version: 1,
      states: ['a', 'b'],
      transitions: { go: { from: null, to: 'a', automatic: true }, on: { from: 'a', to: 'b', signal: 'on' } },
    });
    const second = defineWorkflow({
      name: 'versioned',
      version: 2,
      states: ['one', 'two'],
      transitions: {
        begin: { from: null, to: 'one', automatic: true },
        next: { from: 'one', to: 'two', signal: 'on' },
      },
    });
    const migrating = defineWorkflow({
      name: 'versioned',
      version: 3,
      states: ['one', 'two'],
      transitions: {
        begin: { from: null, to: 'one', automatic: true },
        next: { from: 'one', to: 'two', signal: 'on' },
      },
      migrate: {
        1: ({ state, inFlight, variables }) => ({
          state: state === 'a' ? 'one' : state === 'b' ? 'two' : null,
          variables: { ...variables, was: 1 },
          inFlight: inFlight
            ? { transition: inFlight.transition === 'go' ? 'begin' : 'next', args: inFlight.args }
            : null,
        }),
      },
    });
    /** An instance of version 1 whose worker died in the action of `on`. */
    const inFlight = async () => {
      const target = fresh();
      await first.start(db, target);
      const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
      const instance = (await first.hold(doomed, target, { on: breaks() }))!;
      await instance.synchronize();
      await expect(instance.fire('on', { x: 1 })).rejects.toThrow('broken');
      await kill(db, doomed);
      return target;
    };
    const targetsOf = async (works: Promise<readonly { target: string; cancel(): Promise<void> }[]>) => {
      const all = await works;
      for (const work of all) await work.cancel();
      return all.map(({ target }) => target);
    };

    test('an instance of a version that is not run here is left alone, visible, and finished by a worker of its own', async () => {
      const target = await inFlight();
      expect(await targetsOf(session.claim(second.source(), { wanted: 10 }))).toEqual([]);
      const waiting: string[] = [];
      for await (const one of second.list(db, { version: 1, ended: false })) waiting.push(one.target);
      expect(waiting).toEqual([target]);
      const [work] = await session.claim(first.source(), { wanted: 10 });
      expect(work!.target).toBe(target);
      await first.run(work!, {});
      expect(await first.status(db, target)).toMatchObject({ state: 'b', version: 1, variables: { x: 1 } });
    });

    test('migrate takes an instance over, with what is in flight', async () => {
      const target = await inFlight();
      const [work] = await session.claim(migrating.source(), { wanted: 10 });
      const seen: unknown[] = [];
      await migrating.run(work!, { next: ({ args, attempt }) => void seen.push([args, attempt]) });
      expect(seen).toEqual([[{ x: 1 }, 1]]);
      expect(await migrating.status(db, target)).toMatchObject({
        state: 'two',
        version: 3,
        variables: { x: 1 },
      });
      expect((await migrating.history(db, target)).map(({ event }) => event)).toContain('migrated');
    });
  });

  test('one at a time: a worker that is killed between two steps leaves the next one its place', async () => {
    const line = defineWorkflow({
      name: 'line',
      version: 1,
      states: ['a', 'b'],
      transitions: {
        one: { from: null, to: 'a', automatic: true },
        two: { from: 'a', to: 'b', automatic: true },
      },
    });
    await line.startMany(db, [{ target: 'l1' }, { target: 'l2' }]);
    const source = line.source({ oneAtATime: 'line' });
    const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
    const [first] = await doomed.claim(source, { wanted: 5 });
    expect(await session.claim(source, { wanted: 5 })).toEqual([]);
    await expect(line.run(first!, { two: breaks() })).rejects.toThrow('broken');
    await kill(db, doomed);
    const seen: string[] = [];
    for (const _ of ['l1', 'l2']) {
      const works = await session.claim(source, { wanted: 5 });
      expect(works.length).toBe(1);
      seen.push(works[0]!.target);
      await line.run(works[0]!, {});
    }
    expect(seen).toEqual(['l1', 'l2']);
    expect(await session.claim(source)).toEqual([]);
  });

  test('ended instances are swept with their history, those that are open stay, and both are counted', async () => {
    const swept = defineWorkflow({
      name: 'swept',
      version: 1,
      states: ['a', 'b'],
      transitions: { go: { from: null, to: 'a', signal: 'go' }, on: { from: 'a', to: 'b', automatic: true } },
    });
    await swept.startMany(db, [{ target: 's1' }, { target: 's2' }]);
    await swept.signal(db, 's1', 'go');
    for (const target of ['s1', 's2']) await runUntilQuiet(db, swept, target, {});
    await rows(
      db,
      "UPDATE holdfast.workflow SET ended_at = ended_at - INTERVAL '2 hours' WHERE target = 's1'",
    );
    await using janitor = runJanitor(db, {
      faces: [workflowsFace({ retentionMs: HOUR })],
      intervalMs: 600_000,
    });
    expect(await janitor.sweep()).toMatchObject({ workflows: 1 });
    expect([await swept.status(db, 's1'), await swept.history(db, 's1')]).toEqual([undefined, []]);
    expect(await rows(db, "SELECT 1 FROM holdfast.workflow_signal WHERE target = 's1'")).toEqual([]);
    expect((await swept.status(db, 's2'))!.state).toBeNull();
    expect(() => workflowsFace({ retentionMs: -1 })).toThrow(MisuseError);
    const all: string[] = [];
    for await (const { target } of listInstances(db, 'swept')) all.push(target);
    expect(all).toEqual(['s2']);
  });

  test.each([{ n: 1n }, { text: 'a\0b' }, 'text'])(
    'what an action returns must be what the database keeps as JSON: told by the action’s name, and in flight still (%o)',
    async (result) => {
      const flow = defineWorkflow({
        name: 'returned',
        version: 1,
        states: ['done'],
        transitions: { go: { from: null, to: 'done', automatic: true } },
      });
      const target = `r${typeof result}${Object.keys(result)[0]}`;
      await flow.start(db, target);
      await using worker = await db.startSession({ component: 'returned', intervalMs: 600_000 });
      const [work] = await worker.claim(flow.source());
      await expect(flow.run(work!, { go: () => result as never })).rejects.toThrow('actions.go: ');
      expect((await flow.status(db, target))!.inFlight).toMatchObject({ transition: 'go', attempt: 1 });
      await flow.run(work!, { go: () => ({ n: 1 }) });
      expect(await flow.status(db, target)).toMatchObject({ state: 'done', variables: { n: 1 } });
    },
  );

  test('a step is one statement and one round trip, and so is a start of a thousand', async () => {
    const chain = defineWorkflow({
      name: 'chain',
      version: 1,
      states: ['a', 'b', 'c', 'd'],
      transitions: {
        a: { from: null, to: 'a', automatic: true },
        b: { from: 'a', to: 'b', automatic: true },
        c: { from: 'b', to: 'c', automatic: true },
        d: { from: 'c', to: 'd', automatic: true },
      },
    });
    await using proxy = await startFaultProxy({ url });
    await using through = await connect({ url: proxy.url, driver, tls: { mode: 'disable' } });
    await using worker = await through.startSession({ component: 'counted', intervalMs: 600_000 });
    const run = async (target: string) => {
      await chain.start(db, target);
      const [work] = await worker.claim(chain.source());
      return proxy.measure(() => chain.run(work!, {}));
    };
    for (let warm = 0; warm < 8; warm++) await run(`warm${warm}`);
    // A read; the first intent; three times "done k, in flight k + 1"; the last "done", with the release.
    const counted = await run('counted');
    expect([counted.roundTrips, counted.statements]).toEqual([1 + 1 + 3 + 1, 1 + 1 + 3 + 1]);
    const thousand = Array.from({ length: 1_000 }, (_, n) => ({ target: `c${n}` }));
    // One statement, with BEGIN before it; COMMIT, with an announcement, and on CockroachDB with RELEASE.
    const { roundTrips, statements } = await proxy.measure(() => chain.startMany(through, thousand));
    const few = await proxy.measure(() => chain.startMany(through, [{ target: 'few' }]));
    expect([roundTrips, statements]).toEqual([2, few.statements]);
    expect(few.statements).toBe(testEngine() === 'postgresql' ? 4 : 5);
  });
});
