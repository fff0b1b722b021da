import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  connect,
  type Database,
  LeaseLostError,
  MisuseError,
  type Session,
  SessionExpiredError,
} from '../../src/index.ts';
import {
  defineWorkflow,
  InvalidWorkflowTransitionError,
  TransitionInFlightError,
  WorkflowNotFoundError,
  WorkflowStartConflictError,
} from '../../src/workflows/index.ts';
import { createTestDatabase, DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { breaks, cannot, defineUnit, kill } from './support.ts';

const unit = defineUnit('unit');
type UnitActions = Parameters<typeof unit.run>[1];

describe.each(DRIVERS)('workflows on %s', (driver) => {
  let db: Database;
  let session: Session;
  let other: Session;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
    other = await db.startSession({ component: 'two', intervalMs: 600_000 });
  });
  afterAll(() => db?.close());

  let targets = 0;
  const fresh = () => `t${++targets}`;
  const held = async (target: string, actions: UnitActions = {}, by = session) => {
    const instance = await unit.hold(by, target, actions);
    if (!instance) throw new Error(`${target} is not free`);
    return instance;
  };
  const started = async (actions: UnitActions = {}) => {
    const target = fresh();
    await unit.start(db, target);
    return held(target, actions);
  };
  const events = async (target: string) =>
    (await unit.history(db, target)).map(({ event, transition = '', attempt }) =>
      `${event} ${transition} ${attempt}`.replace('  ', ' '),
    );

  describe('fire', () => {
    test('walks a chain of automatic transitions, one write between two actions, and tells observers', async () => {
      const target = fresh();
      const seen: string[] = [];
      await unit.start(db, target, { variables: { unit: 'mysql/0' } });
      const instance = await unit.hold(
        session,
        target,
        {
          install: ({ variables, key, attempt }) => {
            seen.push(`install ${variables['unit']} ${key} ${attempt}`);
            return { version: 7 };
          },
          start: ({ variables }) => {
            seen.push(`start ${variables['version']} ${variables['unit']}`);
          },
        },
        { onTransition: ({ transition, from, to }) => seen.push(`${transition}: ${from} to ${to}`) },
      );
      expect(await instance!.synchronize()).toBe(true);
      expect(seen).toEqual([
        `install mysql/0 unit/${target}/1 1`,
        'install: null to installed',
        'start 7 undefined',
        'start: installed to started',
      ]);
      expect(instance!.state).toBe('started');
      await instance!.end();
      expect(await events(target)).toEqual([
        'started 0',
        'fired install 1',
        'done install 1',
        'fired start 1',
        'done start 1',
      ]);
    });

    test('of what does not leave the state, is not declared, or does not fit, is refused before any write', async () => {
      await using instance = await started();
      await instance.synchronize();
      const before = await unit.history(db, instance.target);
      await expect(instance.fire('start')).rejects.toThrow(
        /unit of t\d+ is in started: start does not leave it/,
      );
      await expect(instance.fire('strt' as never)).rejects.toThrow(
        /"strt" is not a transition; there are install,/,
      );
      await expect(instance.fire('upgrade', {}, { from: 'stopped' })).rejects.toThrow(
        InvalidWorkflowTransitionError,
      );
      await expect(instance.fire('upgrade', 7 as never)).rejects.toThrow(MisuseError);
      expect(await unit.history(db, instance.target)).toEqual(before);
    });

    test('replaces the variables by its arguments and what the action returns', async () => {
      await using instance = await started({ upgrade: () => ({ b: 2 }) });
      await instance.synchronize();
      await instance.fire('upgrade', { a: 1 });
      expect((await unit.status(db, instance.target))!.variables).toEqual({ a: 1, b: 2 });
      await instance.fire('upgrade');
      expect(instance.variables).toEqual({ b: 2 });
      await instance.fire('stop');
      expect((await unit.status(db, instance.target))!.variables).toEqual({});
    });

    test('whose action cannot be done fires the error transition in the same write, and gives false', async () => {
      const seen: unknown[] = [];
      await using instance = await started({
        install: cannot(),
        fail_install: async () => {
          seen.push((await unit.status(db, instance.target))!.inFlight?.transition);
        },
      });
      expect(await instance.synchronize()).toBe(false);
      expect([instance.state, seen]).toEqual(['install_error', ['fail_install']]);
      expect(await events(instance.target)).toEqual([
        'started 0',
        'fired install 1',
        'failed install 1',
        'fired fail_install 1',
        'done fail_install 1',
      ]);
      expect(await instance.fireAlias('retry')).toBe(true);
      expect(instance.state).toBe('started');
    });

    test('whose action cannot be done, without an error transition, leaves the state and nothing in flight', async () => {
      await using instance = await started({ stop: cannot('busy') });
      await instance.synchronize();
      expect(await instance.fire('stop')).toBe(false);
      const status = await unit.status(db, instance.target);
      expect(status).toMatchObject({ state: 'started', inFlight: undefined });
      expect((await unit.history(db, instance.target)).at(-1)).toMatchObject({
        event: 'failed',
        message: 'busy',
      });
    });

    test('whose action throws anything else leaves it in flight, with its arguments, to be run again', async () => {
      let breaks = true;
      const keys: string[] = [];
      const target = fresh();
      await unit.start(db, target);
      const instance = await held(target, {
        upgrade: ({ args, key, attempt }) => {
          keys.push(`${key} ${JSON.stringify(args)} ${attempt}`);
          if (breaks) throw new RangeError('power cut');
        },
      });
      await instance.synchronize();
      await expect(instance.fire('upgrade', { charm: 2 })).rejects.toThrow(RangeError);
      expect(await unit.status(db, target)).toMatchObject({
        state: 'started',
        inFlight: { transition: 'upgrade', args: { charm: 2 }, attempt: 1 },
      });
      await expect(instance.fire('upgrade')).rejects.toThrow(TransitionInFlightError);
      await expect(instance.transitionTo('stopped')).rejects.toThrow(TransitionInFlightError);
      await expect(instance.fireAlias('retry')).rejects.toThrow(TransitionInFlightError);
      breaks = false;
      expect(await instance.synchronize()).toBe(true);
      expect(keys).toEqual([`unit/${target}/3 {"charm":2} 1`, `unit/${target}/3 {"charm":2} 2`]);
      await instance.end();
    });

    test('fireAlias and transitionTo choose from the state, and say when nothing does', async () => {
      await using instance = await started({ start: cannot() });
      await instance.synchronize();
      expect(instance.state).toBe('start_error');
      expect(await instance.transitionTo('stopped')).toBe(false);
      expect(await instance.transitionTo('started')).toBe(true);
      await expect(instance.fireAlias('retry')).rejects.toThrow(
        /no transition with the alias retry leaves it/,
      );
      expect(await instance.transitionTo('stopped')).toBe(true);
      expect((await unit.status(db, instance.target))!.endedAt).toBeInstanceOf(Date);
    });

    test('an error transition that throws is left in flight', async () => {
      const target = fresh();
      await unit.start(db, target);
      const instance = await held(target, { install: cannot(), fail_install: cannot('worse') });
      await expect(instance.synchronize()).rejects.toThrow('worse');
      expect(instance.inFlight).toMatchObject({ transition: 'fail_install' });
      await instance.end();
      await using again = await held(target);
      await again.synchronize();
      expect(again.state).toBe('install_error');
    });
  });

  describe('one holder, one after the other', () => {
    test('of two watchers that saw the same state both fire: the second is told, a transition to its own state too', async () => {
      const seen: string[] = [];
      await using instance = await started({
        upgrade: async ({ args }) => {
          seen.push(`begin ${args['n']}`);
          await unit.status(db, 'anything');
          seen.push(`end ${args['n']}`);
        },
      });
      await instance.synchronize();
      const both = await Promise.allSettled([
        instance.fire('upgrade', { n: 1 }, { from: 'started' }),
        instance.fire('upgrade', { n: 2 }, { from: 'started' }),
        instance.fire('stop', {}, { from: 'started' }),
        instance.fire('upgrade', { n: 3 }, { from: 'started' }),
      ]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
      expect(seen).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
    });

    test('alone runs a check and its fire as one act', async () => {
      await using instance = await started();
      await instance.synchronize();
      const stopIfStarted = () =>
        instance.alone(async () => instance.state === 'started' && (await instance.fire('stop')));
      expect(await Promise.all([stopIfStarted(), stopIfStarted()])).toEqual([true, false]);
    });

    test('fires inside of alone are carried out one after the other as well', async () => {
      await using instance = await started();
      await instance.synchronize();
      const ends = await instance.alone(() =>
        Promise.allSettled([
          instance.fire('upgrade', { n: 1 }),
          instance.fire('stop'),
          instance.fire('stop'),
        ]),
      );
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
      expect((await events(instance.target)).slice(-5)).toEqual([
        'fired upgrade 1',
        'done upgrade 1',
        'fired stop 1',
        'done stop 1',
        'ended 0',
      ]);
    });

    test('a fire from inside of an action is refused, one that the action left behind is not', async () => {
      let later: Promise<boolean> | undefined;
      const refused: unknown[] = [];
      const gate = Promise.withResolvers<void>();
      await using instance = await started({
        upgrade: async () => {
          await instance.fire('stop').catch((error: unknown) => refused.push(error));
          later = gate.promise.then(() => instance.fire('stop'));
        },
      });
      await instance.synchronize();
      await instance.fire('upgrade');
      expect(refused).toEqual([expect.any(TransitionInFlightError)]);
      gate.resolve();
      expect(await later).toBe(true);
    });

    test('of two ends of one work one wins, the other is told', async () => {
      const instance = await started();
      await instance.synchronize();
      const ends = await Promise.allSettled([instance.work.finish(), instance.work.finish()]);
      expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    test('two workers, one target: the second gets nothing, and after a take-over the first writes nothing', async () => {
      const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
      const target = fresh();
      await unit.start(db, target);
      const first = await held(target, {}, doomed);
      await first.synchronize();
      expect(await unit.hold(other, target)).toBeUndefined();
      await kill(db, doomed);
      await using second = await held(target, {}, other);
      const before = await unit.history(db, target);
      await expect(first.fire('stop')).rejects.toThrow(SessionExpiredError);
      expect(await unit.history(db, target)).toEqual(before);
      expect(await second.fire('stop')).toBe(true);
    });

    test('a token that is no longer the current one writes nothing', async () => {
      const instance = await started();
      await instance.synchronize();
      await rows(
        db,
        'UPDATE holdfast.work SET token = token + 1 WHERE target = $1 AND kind = $2',
        instance.target,
        unit.kind,
      );
      const before = await unit.history(db, instance.target);
      await expect(instance.fire('stop')).rejects.toThrow(LeaseLostError);
      expect(await unit.history(db, instance.target)).toEqual(before);
    });
  });

  describe('synchronize', () => {
    /** A state and something in flight, written by a worker that died in its action. */
    const cut = async (
      fire: (instance: Awaited<ReturnType<typeof started>>) => Promise<unknown>,
      actions: UnitActions,
    ) => {
      const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
      const target = fresh();
      await unit.start(db, target);
      const instance = await held(target, actions, doomed);
      await expect(fire(instance)).rejects.toThrow('broken');
      await kill(db, doomed);
      return target;
    };

    type Fire = (instance: Awaited<ReturnType<typeof started>>) => Promise<unknown>;
    const begins: Fire = (instance) => instance.synchronize();
    const then =
      (...fires: Fire[]): Fire =>
      async (instance) => {
        await instance.synchronize();
        for (const fire of fires) await fire(instance);
      };
    const upgrades: Fire = (instance) => instance.fire('upgrade', { n: 1 });
    const retries: Fire = (instance) => instance.fireAlias('retry', { n: 2 });

    test.each([
      ['install', begins, { install: breaks() }, null, {}, 'started'],
      ['start', begins, { start: breaks() }, 'installed', {}, 'started'],
      ['fail_install', begins, { install: cannot(), fail_install: breaks() }, null, {}, 'install_error'],
      ['fail_start', begins, { start: cannot(), fail_start: breaks() }, 'installed', {}, 'start_error'],
      [
        'retry_install',
        then(retries),
        { install: cannot(), retry_install: breaks() },
        'install_error',
        { n: 2 },
        'started',
      ],
      [
        'retry_start',
        then(retries),
        { start: cannot(), retry_start: breaks() },
        'start_error',
        { n: 2 },
        'started',
      ],
      ['upgrade', then(upgrades), { upgrade: breaks() }, 'started', { n: 1 }, 'started'],
      [
        'fail_upgrade',
        then(upgrades),
        { upgrade: cannot(), fail_upgrade: breaks() },
        'started',
        {},
        'upgrade_error',
      ],
      [
        'retry_upgrade',
        then(upgrades, retries),
        { upgrade: cannot(), retry_upgrade: breaks() },
        'upgrade_error',
        { n: 2 },
        'started',
      ],
      ['stop', then((instance) => instance.fire('stop')), { stop: breaks() }, 'started', {}, 'stopped'],
    ] as const)(
      'runs %s again, with its own arguments, that was in flight when its worker died, and goes on from there',
      async (id, fire, actions, state, args, end) => {
        const target = await cut(fire, actions);
        const seen: unknown[] = [];
        const instance = await unit.hold(
          other,
          target,
          {},
          {
            beforeSynchronize: ({ inFlight, state: before }) => {
              seen.push([inFlight?.transition, inFlight?.args, before]);
            },
          },
        );
        await instance!.synchronize();
        expect(seen).toEqual([[id, args, state]]);
        expect([instance!.state, instance!.inFlight]).toEqual([end, undefined]);
        await instance!.end();
        const done = (await unit.history(db, target)).filter(({ event }) => event === 'done');
        expect(new Set(done.map(({ intent }) => intent)).size).toBe(done.length);
      },
    );

    test('a program sees the upgrade in flight before it starts anything', async () => {
      const target = await cut(
        async (instance) => {
          await instance.synchronize();
          await instance.fire('upgrade', { to: 'v2' });
        },
        { upgrade: breaks() },
      );
      let runs = false;
      const instance = await unit.hold(
        other,
        target,
        {
          upgrade: () => {
            expect(runs).toBe(false);
          },
        },
        {
          beforeSynchronize: ({ inFlight }) => {
            runs = inFlight?.transition !== 'upgrade';
          },
        },
      );
      await instance!.synchronize();
      expect([instance!.state, runs, instance!.variables]).toEqual(['started', false, { to: 'v2' }]);
      await instance!.end();
    });
  });

  describe('stuck', () => {
    test('what is in flight and not known any more waits for an operator, who skips, forces or retries', async () => {
      const old = defineWorkflow({
        name: 'changed',
        version: 1,
        states: ['a', 'b'],
        transitions: { go: { from: null, to: 'a', automatic: true }, gone: { from: 'a', to: 'b' } },
      });
      const now = defineWorkflow({
        name: 'changed',
        version: 1,
        states: ['a', 'b'],
        transitions: { go: { from: null, to: 'a', automatic: true }, other: { from: 'a', to: 'b' } },
      });
      const target = fresh();
      await old.start(db, target);
      const instance = (await old.hold(session, target, { gone: breaks() }))!;
      await instance.synchronize();
      await expect(instance.fire('gone')).rejects.toThrow('broken');
      await expect(now.resolve(db, target, 'skip', 'held')).rejects.toThrow(/is held by session/);
      await instance.end();
      const stuckOnes = async () => {
        const found: string[] = [];
        for await (const one of now.list(db, { stuck: true })) found.push(one.target);
        return found;
      };
      for (const how of ['retry', 'skip', { force: 'b' }] as const) {
        const [work] = await session.claim(now.source());
        await now.run(work!, {});
        expect((await now.status(db, target))!.stuck).toMatch(/gone is in flight, and version 1 has no such/);
        expect(await session.claim(now.source())).toEqual([]);
        expect(await stuckOnes()).toEqual([target]);
        await now.resolve(db, target, how, 'looked at it');
        if (how === 'skip') {
          expect(await now.status(db, target)).toMatchObject({
            state: 'a',
            inFlight: undefined,
            stuck: undefined,
          });
          // Once more in the same place.
          await rows(
            db,
            "UPDATE holdfast.workflow SET in_flight = 'gone', arguments = '{}' WHERE target = $1",
            target,
          );
        }
      }
      const [work] = await session.claim(now.source());
      await now.run(work!, {});
      expect(await now.status(db, target)).toMatchObject({
        state: 'b',
        stuck: undefined,
        endedAt: expect.any(Date),
      });
      await expect(now.resolve(db, target, { force: 'c' as never }, 'x')).rejects.toThrow(
        /"c" is not a state/,
      );
      await expect(now.resolve(db, 'nobody', 'retry', 'x')).rejects.toThrow(WorkflowNotFoundError);
    });

    test('attempts that are used up end in front of an operator, whether actions broke or workers died', async () => {
      const limited = defineWorkflow({
        name: 'limited',
        version: 1,
        states: ['a'],
        transitions: {
          go: { from: null, to: 'a', automatic: true, retry: { attempts: 2, backoff: { initialMs: 0 } } },
        },
      });
      const target = fresh();
      await limited.start(db, target);
      const ready = () => rows(db, 'UPDATE holdfast.work SET not_before = NULL WHERE target = $1', target);
      for (const attempt of [1, 2]) {
        const [work] = await session.claim(limited.source());
        await expect(limited.run(work!, { go: breaks(`try ${attempt}`) })).rejects.toThrow(`try ${attempt}`);
        await ready();
      }
      expect((await limited.status(db, target))!.stuck).toBe('go was begun 2 times: try 2');
      await limited.resolve(db, target, 'retry', 'mended');
      // A worker that dies while the second attempt runs.
      const doomed = await db.startSession({ component: 'doomed', intervalMs: 600_000 });
      const [first] = await doomed.claim(limited.source());
      const dying = await limited.open(first!, { go: breaks() });
      await expect(dying.synchronize()).rejects.toThrow();
      await expect(dying.synchronize()).rejects.toThrow();
      await kill(db, doomed);
      const [second] = await session.claim(limited.source());
      await limited.run(second!, {});
      expect((await limited.status(db, target))!.stuck).toBe('go was begun 2 times, and has not ended');
      await limited.resolve(db, target, 'retry', 'mended again');
      const [third] = await session.claim(limited.source());
      await limited.run(third!, {});
      expect(await limited.status(db, target)).toMatchObject({ state: 'a', stuck: undefined });
    });
  });

  describe('start', () => {
    const typed = defineWorkflow({
      name: 'typed',
      version: 1,
      states: ['a'],
      transitions: { go: { from: null, to: 'a', args: z.object({ n: z.number() }) } },
      variables: z.object({ size: z.number() }),
    });

    test('what no database keeps is refused before any write', async () => {
      for (const charm of ['a\0b', '\ud800'])
        await expect(unit.start(db, 'unkept', { variables: { charm } as never })).rejects.toThrow(
          /variables: has a text with a zero byte or a lone surrogate/,
        );
      expect(await unit.status(db, 'unkept')).toBeUndefined();
    });

    test('twice is once; with other variables, or another key, it is refused and nothing is changed', async () => {
      const target = fresh();
      expect(await typed.start(db, target, { variables: { size: 1 } })).toBe(true);
      expect(await typed.start(db, target, { variables: { size: 1 } })).toBe(false);
      await expect(typed.start(db, target, { variables: { size: 2 } })).rejects.toThrow(
        WorkflowStartConflictError,
      );
      await expect(typed.start(db, target, { variables: { size: 1 }, key: 'k' })).rejects.toThrow(
        WorkflowStartConflictError,
      );
      await expect(typed.start(db, fresh(), { variables: { size: 'x' as never } })).rejects.toThrow(/size: /);
      const [work] = await session.claim({ kind: typed.kind, candidates: () => [target] });
      const instance = await typed.open(work!);
      await expect(instance.fire('go', { n: 'x' as never })).rejects.toThrow(MisuseError);
      expect(await instance.fire('go', { n: 2 })).toBe(true);
      await instance.end();
      expect(await typed.start(db, target, { variables: { size: 1 } })).toBe(false);
    });

    test('is part of the transaction that it is called in', async () => {
      const target = fresh();
      await expect(
        db.transact(async (tx) => {
          await typed.start(tx, target, { variables: { size: 1 } });
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect(await typed.status(db, target)).toBeUndefined();
      await expect(typed.hold(session, target)).rejects.toThrow(WorkflowNotFoundError);
    });

    test('a thousand at once are claimed and run', async () => {
      const many = defineUnit('many');
      const starts = Array.from({ length: 1_000 }, (_, n) => ({ target: `m${n}` }));
      expect((await many.startMany(db, starts)).length).toBe(1_000);
      const works = await session.claim(many.source(), { wanted: 3 });
      for (const work of works) await many.run(work, {});
      const [[count]] = (await rows(
        db,
        "SELECT count(*) FROM holdfast.workflow WHERE workflow = 'many' AND state = 'started'",
      )) as [[string]];
      expect(count).toBe('3');
    });
  });
});
