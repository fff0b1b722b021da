import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type CommandHandlers,
  CommandKeyError,
  type CommandQueue,
  type CommandStatus,
  CommandTimeoutError,
  commandsFace,
  defineCommands,
  findQueue,
  NoteConflictError,
} from '../../src/commands/index.ts';
import {
  connect,
  type Database,
  MisuseError,
  runControlLoop,
  runJanitor,
  type Session,
  sql,
  type Transaction,
} from '../../src/index.ts';
import { cut, dropReply, startFaultProxy } from '../../src/testing/index.ts';
import { createTestDatabase, DRIVERS, testEngine } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const STATES = ['pending', 'active', 'released'] as const;
type State = (typeof STATES)[number];

const leases = defineCommands({
  name: 'lease',
  states: STATES,
  state: async (on, target) => {
    const found = await on.execute(sql`SELECT state FROM lease WHERE name = ${target}`);
    return found.rows[0]?.[0] as State | undefined;
  },
  commands: {
    extend: {
      args: z.strictObject({ minutes: z.number().int().positive() }),
      apply: ['active'],
      wait: ['pending'],
      attempts: 2,
    },
    pause: { apply: ['active'], wait: ['pending'] },
    resize: {
      args: z.strictObject({ size: z.string() }),
      apply: ['active'],
      wait: ['pending'],
      collapses: true,
    },
    release: { apply: ['active'], wait: ['pending'], overtakes: true, supersedes: ['pause'] },
    touch: { apply: ['active'], wait: ['pending'], keepsState: true },
  },
});

type Handlers = CommandHandlers<State, CommandsOf<typeof leases>>;
type CommandsOf<Q> = Q extends CommandQueue<State, infer Commands> ? Commands : never;

const note = (tx: Transaction, target: string, what: string) =>
  tx.execute(sql`INSERT INTO effect (lease, what) VALUES (${target}, ${what})`);

const handlers: Handlers = {
  extend: async (tx, { target, args }) => {
    await note(tx, target, `extend ${args.minutes}`);
    return `until ${args.minutes}`;
  },
  pause: async (tx, { target }) => {
    await note(tx, target, 'pause');
  },
  touch: async (tx, { target }) => {
    await note(tx, target, 'touch');
  },
  resize: async (tx, { target, args }) => {
    await note(tx, target, `resize ${args.size.slice(0, 10)}`);
  },
  release: async (tx, { target }) => {
    await note(tx, target, 'release');
    await tx.execute(sql`UPDATE lease SET state = 'released' WHERE name = ${target}`);
  },
};

describe.each(DRIVERS)('commands on %s', (driver) => {
  let url: string;
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    ({ url } = await createTestDatabase());
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
    session = await db.startSession({ component: 'consumer', intervalMs: 600_000 });
    await rows(db, 'CREATE TABLE lease (name TEXT PRIMARY KEY, state TEXT NOT NULL)');
    await rows(
      db,
      'CREATE TABLE effect (n UUID PRIMARY KEY DEFAULT gen_random_uuid(), lease TEXT, what TEXT)',
    );
  });
  afterAll(() => db?.close());
  // What waits in the end of one test is due in a later one when the host is slow.
  beforeEach(() => rows(db, 'UPDATE holdfast.command_target SET due_at = NULL'));

  const by = { author: 'tester' };
  const lease = (name: string, state: State = 'active') =>
    db.execute(sql`INSERT INTO lease VALUES (${name}, ${state})`);
  /** Carries out what is pending of the target that is due. */
  const consume = async (given: Partial<Handlers> = {}, by = session) => {
    const [work] = await by.claim(leases.source);
    return work ? leases.consume(work, { ...handlers, ...given }) : undefined;
  };
  const drain = async () => {
    while ((await consume()) !== undefined);
  };
  const effects = async (target: string) =>
    (await rows(db, 'SELECT what FROM effect WHERE lease = $1 ORDER BY what', target)).map(([what]) => what);
  const all = async (target: string) => {
    const found: CommandStatus[] = [];
    for await (const status of leases.list(db, { targets: [target] })) found.push(status);
    return found;
  };
  const states = async (target: string) =>
    (await all(target)).map(({ command, state }) => `${command} ${state}`);
  const die = (victim: Session) =>
    rows(
      db,
      "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
      victim.id,
    );
  /** Its time has come. */
  const due = async (target: string) => {
    await rows(db, 'UPDATE holdfast.command SET not_before = NULL WHERE target = $1', target);
    await rows(
      db,
      'UPDATE holdfast.command_target SET due_at = now() WHERE target = $1 AND due_at IS NOT NULL',
      target,
    );
  };

  describe('send', () => {
    test('numbers the commands of each target, and the holder carries out and marks them in order', async () => {
      await lease('a');
      expect(await leases.send(db, 'a', 'extend', { minutes: 5 }, by)).toEqual({
        target: 'a',
        sequence: 1n,
        isNew: true,
      });
      expect(await leases.send(db, 'a', 'pause', {}, by)).toMatchObject({ sequence: 2n });
      expect(await consume()).toMatchObject([
        { sequence: 1n, command: 'extend', state: 'consumed' },
        { sequence: 2n, command: 'pause', state: 'consumed' },
      ]);
      expect(await effects('a')).toEqual(['extend 5', 'pause']);
      expect(await all('a')).toMatchObject([
        { author: 'tester', args: { minutes: 5 }, result: 'until 5', attempts: 0, endedAt: expect.any(Date) },
        { result: undefined },
      ]);
      expect(await consume()).toBeUndefined();
    });

    test('the same key twice is one command; with other arguments it is an error, and nothing is sent', async () => {
      await lease('k');
      const keyed = { ...by, key: 'once' };
      const [one, two] = await Promise.all(
        [1, 2].map(() => leases.send(db, 'k', 'extend', { minutes: 1 }, keyed)),
      );
      expect([one!.sequence, two!.sequence, one!.isNew !== two!.isNew]).toEqual([1n, 1n, true]);
      const other = leases.send(db, 'k', 'extend', { minutes: 2 }, keyed);
      await expect(other).rejects.toThrow(CommandKeyError);
      await expect(other).rejects.toMatchObject({ target: 'k', key: 'once', sequence: 1n });
      await expect(leases.send(db, 'k', 'pause', {}, keyed)).rejects.toThrow(CommandKeyError);
      await drain();
      expect(await leases.send(db, 'k', 'extend', { minutes: 1 }, keyed)).toMatchObject({
        sequence: 1n,
        isNew: false,
      });
      expect(await states('k')).toEqual(['extend consumed']);
      expect((await leases.send(db, 'k', 'pause', {}, by)).sequence).toBe(2n);
      await drain();
    });

    test('several are one statement, each target in its order; the same key in it twice is one', async () => {
      await using proxy = await startFaultProxy({ url });
      await using counted = await connect({ url: proxy.url, driver });
      const send = (n: number) =>
        leases.sendMany(
          counted,
          Array.from({ length: n }, (_, i) => ({
            target: `many${i % 3}`,
            command: 'pause' as const,
            key: `${i % n}`,
          })),
          by,
        );
      await send(3);
      const few = await proxy.measure(() => send(9));
      const many = await proxy.measure(() => send(999));
      expect([few.roundTrips, many.roundTrips]).toEqual([2, 2]);
      expect(many.statements).toBe(few.statements);
      expect((await all('many0')).map(({ key }) => Number(key))).toEqual(
        Array.from({ length: 333 }, (_, i) => 3 * i),
      );
      const twice = { target: 'many0', command: 'pause' as const, key: 'twice' };
      const [first, second] = await leases.sendMany(db, [twice, twice], by);
      expect(second).toEqual(first);
      await expect(leases.sendMany(db, [twice, { ...twice, command: 'release' }], by)).rejects.toThrow(
        'two commands of many0 have the key twice, and are not the same',
      );
      for (const target of ['many0', 'many1', 'many2'])
        await db.transact((tx) => leases.destroyed(tx, target));
    });

    test.each([
      ['stop', {}, {}, 'command: "stop" is not one of lease: extend, pause, resize, release'],
      ['extend', { minutes: 'five' }, {}, 'args: extend of lease: args.minutes: '],
      ['extend', { minutes: 1, hours: 2 }, {}, 'args.hours: unknown argument'],
      ['pause', { now: true }, {}, 'args.now: unknown argument'],
      ['resize', { size: 'a\0b' }, {}, 'args: has a text with a zero byte'],
      ['resize', { size: '\ud800' }, {}, 'a lone surrogate'],
      ['pause', {}, { author: '' }, 'author: expected a text'],
      ['pause', {}, { key: '' }, 'key: expected a text of 1 to 200 characters'],
    ])('%s %j %j is refused before anything is written', async (command, args, options, why) => {
      await expect(
        leases.send(db, 'bad', command as never, args as never, { ...by, ...options }),
      ).rejects.toThrow(why);
      await expect(
        leases.send(db, 'bad', command as never, args as never, { ...by, ...options }),
      ).rejects.toThrow(MisuseError);
      expect(await all('bad')).toEqual([]);
    });

    test('a million characters are kept', async () => {
      await lease('long');
      const size = 'ä'.repeat(1_000_000);
      await leases.send(db, 'long', 'resize', { size }, by);
      await drain();
      const [status] = await all('long');
      expect((status!.args as { size: string }).size).toBe(size);
    });

    test("within the caller's transaction it commits with it, or not at all", async () => {
      await lease('tx');
      const failing = db.transact(async (tx) => {
        await leases.send(tx, 'tx', 'pause', {}, by);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await all('tx')).toEqual([]);
      await lease('tx2');
      await db.transact((tx) => leases.send(tx, 'tx', 'pause', {}, by));
      // A handler's command to another target commits with its mark.
      await consume({
        pause: async (tx) => {
          await leases.send(tx, 'tx2', 'release', {}, { author: 'tx' });
        },
      });
      await drain();
      expect([await states('tx'), await states('tx2')]).toEqual([['pause consumed'], ['release consumed']]);
    });

    test('concurrent senders get numbers without gaps, each its own in its order, and they are carried out so', async () => {
      await lease('order');
      const senders = Array.from({ length: 6 }, async (_, sender) => {
        for (let n = 1; n <= 10; n++)
          await leases.send(db, 'order', 'extend', { minutes: sender * 100 + n }, by);
      });
      await Promise.all(senders);
      const sent = await all('order');
      expect(sent.map(({ sequence }) => Number(sequence))).toEqual(
        Array.from({ length: 60 }, (_, n) => n + 1),
      );
      for (let sender = 0; sender < 6; sender++) {
        const own = sent
          .map(({ args }) => (args as { minutes: number }).minutes)
          .filter((n) => Math.floor(n / 100) === sender);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
      const carriedOut: number[] = [];
      const record = {
        extend: (_tx: Transaction, { sequence }: { sequence: bigint }) => carriedOut.push(Number(sequence)),
      };
      while ((await consume(record)) !== undefined);
      expect(carriedOut).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
    });
  });

  describe('what becomes of a command', () => {
    test('release pressed five times at once releases once; the others are rejected with the reason', async () => {
      await lease('five');
      await Promise.all(Array.from({ length: 5 }, () => leases.send(db, 'five', 'release', {}, by)));
      await drain();
      expect(await effects('five')).toEqual(['release']);
      expect((await all('five')).map(({ state, reason }) => [state, reason])).toEqual([
        ['consumed', undefined],
        ...Array.from({ length: 4 }, () => ['rejected', 'the target is released']),
      ]);
    });

    test('a command sent before activation waits for it, and later ones behind it', async () => {
      await lease('early', 'pending');
      await leases.send(db, 'early', 'extend', { minutes: 1 }, by);
      await leases.send(db, 'early', 'pause', {}, by);
      expect(await consume()).toEqual([]);
      expect(await consume()).toBeUndefined();
      await db.transact(async (tx) => {
        await tx.execute(sql`UPDATE lease SET state = 'active' WHERE name = 'early'`);
        await leases.wake(tx, 'early');
      });
      await drain();
      expect(await states('early')).toEqual(['extend consumed', 'pause consumed']);
    });

    test('what the consumer does not know, and what its target cannot do, is rejected with a reason', async () => {
      const newer = defineCommands({
        name: 'lease',
        states: ['active'],
        state: async () => 'active',
        commands: { migrate: { apply: ['active'] }, extend: { args: z.any(), apply: ['active'] } },
      });
      await lease('odd');
      await newer.send(db, 'odd', 'migrate', {}, by);
      await newer.send(db, 'odd', 'extend', { minutes: 'x' }, by);
      await leases.send(db, 'nowhere', 'pause', {}, by);
      await drain();
      expect((await all('odd')).map(({ state, reason }) => [state, reason])).toEqual([
        ['rejected', 'this command is not declared'],
        ['rejected', expect.stringContaining('args.minutes: ')],
      ]);
      expect(await all('nowhere')).toMatchObject([{ state: 'rejected', reason: 'there is no such target' }]);
    });

    test('of commands that collapse the last is carried out; one that another makes needless is superseded', async () => {
      await lease('fold');
      await leases.send(db, 'fold', 'resize', { size: 'S' }, by);
      await leases.send(db, 'fold', 'pause', {}, by);
      await leases.send(db, 'fold', 'resize', { size: 'L' }, by);
      await leases.send(db, 'fold', 'release', {}, by);
      await leases.send(db, 'fold', 'pause', {}, by);
      await drain();
      expect((await all('fold')).map(({ command, state, reason }) => [command, state, reason])).toEqual([
        ['resize', 'superseded', 'by command 3, resize'],
        ['pause', 'superseded', 'by command 4, release'],
        ['resize', 'consumed', undefined],
        ['release', 'consumed', undefined],
        ['pause', 'rejected', 'the target is released'],
      ]);
      expect(await effects('fold')).toEqual(['release', 'resize L']);
    });

    test('a command that will be rejected supersedes nothing', async () => {
      const own = defineCommands({
        name: 'own',
        states: ['on'],
        state: async () => 'on',
        commands: { stop: { apply: [], supersedes: ['go'] } as never, go: { apply: ['on'] } },
      });
      await own.sendMany(db, [{ target: 't', command: 'go' }, { target: 't', command: 'stop' } as never], by);
      const [work] = await session.claim(own.source);
      expect(await own.consume(work!, { go: () => {}, stop: () => {} } as never)).toMatchObject([
        { command: 'go', state: 'consumed' },
        { command: 'stop', state: 'rejected' },
      ]);
    });

    test('one that yields holds later ones, undoes what it wrote, and counts no failure; one that overtakes goes first', async () => {
      await lease('slow');
      await leases.send(db, 'slow', 'extend', { minutes: 1 }, by);
      await leases.send(db, 'slow', 'pause', {}, by);
      const yields: Partial<Handlers> = {
        extend: async (tx, { target, ...command }) => {
          await note(tx, target, 'undone');
          return command.yieldForLock('slot 3 is taken');
        },
      };
      expect(await consume(yields)).toMatchObject([
        { command: 'extend', state: 'pending', reason: 'slot 3 is taken' },
      ]);
      expect(await consume(yields)).toBeUndefined();
      const [held] = await all('slow');
      expect(held).toMatchObject({ attempts: 0, notBefore: expect.any(Date) });
      await leases.send(db, 'slow', 'resize', { size: 'M' }, by);
      expect(await consume(yields)).toEqual([]);
      await leases.send(db, 'slow', 'release', {}, by);
      await drain();
      expect(await effects('slow')).toEqual(['release']);
      expect(await states('slow')).toEqual([
        'extend pending',
        'pause superseded',
        'resize pending',
        'release consumed',
      ]);
      await due('slow');
      await drain();
      expect(await states('slow')).toEqual([
        'extend rejected',
        'pause superseded',
        'resize rejected',
        'release consumed',
      ]);
    });

    test('one that overtakes and changes the state lets those go on that waited for it, at once', async () => {
      const doors = defineCommands({
        name: 'door',
        states: STATES,
        state: async (on, target) => {
          const found = await on.execute(sql`SELECT state FROM lease WHERE name = ${target}`);
          return found.rows[0]?.[0] as State | undefined;
        },
        commands: {
          enter: { apply: ['active'], wait: ['pending'] },
          unlock: { apply: ['pending'], overtakes: true },
        },
      });
      await lease('door', 'pending');
      await doors.send(db, 'door', 'enter', {}, by);
      await doors.send(db, 'door', 'unlock', {}, by);
      const turn = async () => {
        const [work] = await session.claim(doors.source);
        return (
          work &&
          doors.consume(work, {
            enter: (tx, { target }) => note(tx, target, 'enter'),
            unlock: async (tx, { target }) => {
              await tx.execute(sql`UPDATE lease SET state = 'active' WHERE name = ${target}`);
            },
          })
        );
      };
      while ((await turn()) !== undefined);
      expect(await effects('door')).toEqual(['enter']);
    });

    test('one whose handler throws is counted and backs off; when its attempts are used up it is set aside, and the next goes on', async () => {
      await lease('bad');
      await leases.send(db, 'bad', 'pause', {}, by);
      await leases.send(db, 'bad', 'extend', { minutes: 9 }, by);
      await leases.send(db, 'bad', 'pause', {}, by);
      let calls = 0;
      const throws: Partial<Handlers> = {
        extend: async (tx, { target, attempt }) => {
          calls++;
          await note(tx, target, 'undone');
          throw new Error(`broken, attempt ${attempt}`);
        },
      };
      expect(await consume(throws)).toMatchObject([
        { command: 'pause', state: 'consumed' },
        { command: 'extend', state: 'pending', reason: 'broken, attempt 1' },
      ]);
      expect(await states('bad')).toEqual(['pause consumed', 'extend pending', 'pause pending']);
      await due('bad');
      expect(await consume(throws)).toMatchObject([
        { command: 'extend', state: 'failed', reason: 'broken, attempt 2' },
      ]);
      expect(calls).toBe(2);
      await drain();
      expect(await states('bad')).toEqual(['pause consumed', 'extend failed', 'pause consumed']);
      expect(await effects('bad')).toEqual(['pause', 'pause']);
    });

    test("a statement that the database refuses is the command's failure", async () => {
      await lease('dup');
      await leases.send(db, 'dup', 'extend', { minutes: 1 }, by);
      const outcome = await consume({
        extend: async (tx) => {
          await tx.execute(sql`INSERT INTO lease VALUES ('dup', 'active')`);
        },
      });
      expect(outcome).toMatchObject([{ state: 'pending', reason: expect.stringContaining('23505') }]);
      await db.transact((tx) => leases.destroyed(tx, 'dup'));
      expect(await rows(db, "SELECT due_at FROM holdfast.command_target WHERE target = 'dup'")).toEqual([
        [null],
      ]);
    });

    test('a handler may reject what it finds impossible', async () => {
      await lease('no');
      await leases.send(db, 'no', 'pause', {}, by);
      await consume({ pause: (_tx, command) => command.reject('it never sleeps') });
      expect(await all('no')).toMatchObject([{ state: 'rejected', reason: 'it never sleeps' }]);
    });

    test('a target with one command does not wait behind the thousand of another', async () => {
      await lease('full');
      await lease('single');
      const pauses = Array.from({ length: 200 }, () => ({ target: 'full', command: 'pause' as const }));
      await leases.sendMany(db, pauses, by);
      await leases.send(db, 'single', 'pause', {}, by);
      expect((await consume())!.length).toBe(50);
      expect((await consume())!.length).toBe(1);
      expect(await states('single')).toEqual(['pause consumed']);
      await drain();
      expect((await states('full')).every((state) => state === 'pause consumed')).toBe(true);
    });

    test('release while the release code is slow: the second consumer does not begin, and it is released once', async () => {
      await lease('race');
      await using second = await db.startSession({ component: 'second', intervalMs: 600_000 });
      await leases.send(db, 'race', 'release', {}, by);
      const [inside, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const first = consume({
        release: async (tx, command) => {
          await handlers.release(tx, command);
          inside.resolve();
          await goOn.promise;
        },
      });
      await inside.promise;
      // CockroachDB lets the claim wait for the first consumer's commit; on PostgreSQL it passes the target over.
      const other = consume({}, second);
      const sent = Promise.all(Array.from({ length: 4 }, () => leases.send(db, 'race', 'release', {}, by)));
      goOn.resolve();
      await Promise.all([first, other, sent]);
      await drain();
      expect(await effects('race')).toEqual(['release']);
      expect((await states('race')).filter((state) => state === 'release rejected').length).toBe(4);
    });

    test('a consumer that was taken over changes and marks nothing', async () => {
      await lease('taken');
      await leases.send(db, 'taken', 'release', {}, by);
      const dead = await db.startSession({ component: 'dead', intervalMs: 600_000 });
      const [late] = await dead.claim(leases.source);
      await die(dead);
      await drain();
      await expect(leases.consume(late!, handlers)).rejects.toThrow(/expired|taken over/);
      expect([await effects('taken'), await states('taken')]).toEqual([['release'], ['release consumed']]);
    });
  });

  test('commands are carried out at READ COMMITTED as well, and a taken-over consumer commits nothing there', async () => {
    const relaxed = defineCommands({
      name: 'relaxed',
      states: ['on'],
      state: async () => 'on' as const,
      isolation: 'read committed',
      commands: { add: { apply: ['on'] } },
    });
    const add = { add: (tx: Transaction, { target }: { target: string }) => note(tx, target, 'add') };
    const level = {
      add: async (tx: Transaction) => (await rows(tx, 'SHOW transaction_isolation'))[0]![0],
    };
    await relaxed.sendMany(
      db,
      [1, 2].map(() => ({ target: 'r', command: 'add' as const })),
      by,
    );
    const dead = await db.startSession({ component: 'dead', intervalMs: 600_000 });
    const [late] = await dead.claim(relaxed.source);
    await die(dead);
    const [work] = await session.claim(relaxed.source);
    await relaxed.consume(work!, { add: async (tx, command) => void (await add.add(tx, command)) });
    await expect(relaxed.consume(late!, add as never)).rejects.toThrow(/expired|taken over/);
    expect(await effects('r')).toEqual(['add', 'add']);
    await relaxed.send(db, 'r', 'add', {}, by);
    const [next] = await session.claim(relaxed.source);
    await relaxed.consume(next!, level);
    const isolation = (await relaxed.status(db, 'r', 3n))!.result;
    expect(isolation).toBe(testEngine() === 'cockroachdb' ? 'serializable' : 'read committed');
  });

  test('a consumer that is killed before any of its messages loses nothing and repeats nothing', async () => {
    for (let n = 1; ; n++) {
      const target = `killed${n}`;
      await lease(target);
      const commands = [1, 2, 3].map((minutes) => ({
        target,
        command: 'extend' as const,
        args: { minutes },
      }));
      await leases.sendMany(db, commands, by);
      await using proxy = await startFaultProxy({ url });
      await using victims = await connect({ url: proxy.url, driver, pool: { max: 1 }, closeTimeoutMs: 1 });
      const victim = await victims.startSession({ component: 'victim', intervalMs: 600_000 });
      let messages = 0;
      const killed = proxy.inject({
        direction: 'to-server',
        at: () => ++messages >= n,
        action: cut(),
        times: Infinity,
      });
      const consumed = (async () => {
        const [work] = await victim.claim(leases.source);
        await leases.consume(work!, handlers);
        return 'consumed';
      })().catch(() => 'failed');
      const end = await Promise.race([consumed, killed.struck.then(() => 'killed')]);
      await die(victim);
      await drain();
      expect(await effects(target)).toEqual(['extend 1', 'extend 2', 'extend 3']);
      expect(await states(target)).toEqual(Array.from({ length: 3 }, () => 'extend consumed'));
      if (end === 'consumed') {
        expect(n).toBeGreaterThan(8);
        break;
      }
    }
  });

  describe('around it', () => {
    test('allowed tells by the rules of the consumer', async () => {
      await lease('ask', 'pending');
      await leases.send(db, 'ask', 'pause', {}, by);
      expect(await leases.allowed(db, 'ask')).toEqual({
        extend: { answer: 'waits', reason: 'the target is pending' },
        pause: { answer: 'pending', reason: undefined },
        resize: { answer: 'waits', reason: 'the target is pending' },
        touch: { answer: 'waits', reason: 'the target is pending' },
        release: { answer: 'waits', reason: 'the target is pending' },
      });
      await rows(db, "UPDATE lease SET state = 'released' WHERE name = 'ask'");
      expect((await leases.allowed(db, 'ask')).pause).toEqual({
        answer: 'refused',
        reason: 'the target is released',
      });
      expect((await leases.allowed(db, 'nobody')).release).toEqual({
        answer: 'refused',
        reason: 'there is no such target',
      });
      expect((await leases.allowed(db, 'a')).release).toEqual({ answer: 'allowed', reason: undefined });
      await db.transact((tx) => leases.destroyed(tx, 'ask'));
    });

    test('call waits for the end, whatever it is, and gives the result', async () => {
      await lease('call');
      await using loop = runControlLoop(db, { ...leases.loop(handlers), pollIntervalMs: 50 });
      expect(await leases.call(db, 'call', 'extend', { minutes: 7 }, by)).toMatchObject({
        state: 'consumed',
        result: 'until 7',
      });
      await leases.call(db, 'call', 'release', {}, by);
      expect(await leases.call(db, 'call', 'pause', {}, by)).toMatchObject({
        state: 'rejected',
        reason: 'the target is released',
      });
      await loop.stop();
      const early = leases.call(db, 'call', 'pause', {}, { ...by, timeoutMs: 1 });
      await expect(early).rejects.toThrow(CommandTimeoutError);
      await expect(early).rejects.toMatchObject({ sequence: 4n });
      const abort = new AbortController();
      abort.abort(new Error('changed my mind'));
      await expect(leases.call(db, 'call', 'pause', {}, { ...by, signal: abort.signal })).rejects.toThrow(
        'changed my mind',
      );
      expect(await states('call')).toEqual([
        'extend consumed',
        'release consumed',
        'pause rejected',
        'pause pending',
        'pause pending',
      ]);
      await drain();
    });

    test('a pending command can be taken back, and what it held goes on', async () => {
      await lease('back', 'pending');
      await leases.send(db, 'back', 'extend', { minutes: 1 }, by);
      await leases.send(db, 'back', 'release', {}, by);
      await drain();
      expect(await leases.cancel(db, 'back', 1n, 'by mistake')).toBe(true);
      expect(await leases.cancel(db, 'back', 1n, 'by mistake')).toBe(false);
      await rows(db, "UPDATE lease SET state = 'active' WHERE name = 'back'");
      await drain();
      expect((await all('back')).map(({ state, reason }) => [state, reason])).toEqual([
        ['canceled', 'by mistake'],
        ['consumed', undefined],
      ]);
    });

    test('a note is written by sessions of its component alone, compared and set, and goes with the target', async () => {
      const notes = leases.notes(z.strictObject({ cached: z.number() }));
      await using blueprint = await db.startSession({ component: 'blueprint', intervalMs: 600_000 });
      expect(await notes.read(db, 'a', 'blueprint')).toBeUndefined();
      expect(await notes.write(blueprint, 'a', { cached: 1 }, 0n)).toBe(1n);
      await expect(notes.write(blueprint, 'a', { cached: 2 }, 0n)).rejects.toThrow(NoteConflictError);
      expect(await notes.write(blueprint, 'a', { cached: 2 }, 1n)).toBe(2n);
      expect(await notes.write(session, 'a', { cached: 9 }, 0n)).toBe(1n);
      await expect(notes.write(session, 'a', { cached: 'x' } as never, 1n)).rejects.toThrow('note.cached: ');
      await expect(notes.write(session, 'nine', { cached: 1 }, 3n)).rejects.toThrow(NoteConflictError);
      expect(await notes.read(db, 'a', 'blueprint')).toEqual({ value: { cached: 2 }, version: 2n });
      expect(await notes.read(db, 'a', 'consumer')).toEqual({ value: { cached: 9 }, version: 1n });
      await db.transact((tx) => leases.destroyed(tx, 'a'));
      expect(await notes.read(db, 'a', 'blueprint')).toBeUndefined();
    });

    test('a program without the declaration finds the queue as its consumers have declared it', async () => {
      expect(await findQueue(db, 'nothing')).toBeUndefined();
      const found = (await findQueue(db, 'lease'))!;
      expect(found.commands.toSorted()).toEqual(['extend', 'pause', 'release', 'resize', 'touch']);
      await expect(found.send(db, 'a', 'extend', { minutes: 'x' }, by)).rejects.toThrow('args.minutes: ');
      await expect(found.send(db, 'a', 'stop', {}, by)).rejects.toThrow('"stop" is not one of lease');
      await lease('found');
      await found.send(db, 'found', 'extend', { minutes: 3 }, by);
      await drain();
      expect(await effects('found')).toEqual(['extend 3']);
    });

    test('the janitor counts what is pending and deletes what ended long ago', async () => {
      await lease('old');
      await leases.send(db, 'old', 'pause', {}, by);
      await leases.send(db, 'old', 'pause', {}, by);
      await drain();
      await rows(
        db,
        "UPDATE holdfast.command SET ended_at = now() - INTERVAL '2 d' WHERE target = 'old' AND sequence = 1",
      );
      await using janitor = runJanitor(db, { faces: [commandsFace({ retentionMs: 86_400_000 })] });
      expect((await janitor.sweep())['commands']).toBe(1);
      expect((await all('old')).map(({ sequence }) => sequence)).toEqual([2n]);
    });

    test('a command is four round trips with its claim; fifty of a target are one transaction, each a look at the state and what its handler does', async () => {
      await using proxy = await startFaultProxy({ url });
      await using counted = await connect({ url: proxy.url, driver });
      await using worker = await counted.startSession({ component: 'counted', intervalMs: 600_000 });
      const consumed = async (command: 'pause' | 'touch', commands: number) => {
        const target = `${command}${commands}`;
        await lease(target);
        await leases.sendMany(
          db,
          Array.from({ length: commands }, () => ({ target, command })),
          by,
        );
        return proxy.measure(async () => {
          const [work] = await worker.claim(leases.source);
          expect((await leases.consume(work!, handlers)).length).toBe(commands);
        });
      };
      await consumed('pause', 2);
      const [one, fifty] = [await consumed('pause', 1), await consumed('pause', 50)];
      // The claim; BEGIN with what is pending and the state; the handler; the marks and the end with COMMIT.
      expect(one.roundTrips).toBe(4);
      expect([fifty.statements - one.statements, fifty.roundTrips - one.roundTrips]).toEqual([98, 98]);
      // One that keeps the state: only what its handler does.
      const kept = await consumed('touch', 50);
      expect([kept.statements - one.statements, kept.roundTrips - one.roundTrips]).toEqual([49, 49]);
    });

    test('the effect, the mark, the end and its history are of one transaction', async () => {
      await lease('whole');
      await leases.send(db, 'whole', 'pause', {}, by);
      await drain();
      const writer = testEngine() === 'postgresql' ? 'xmin' : 'crdb_internal_mvcc_timestamp';
      const found = await rows(
        db,
        `SELECT ${writer}::TEXT FROM effect WHERE lease = 'whole'
         UNION ALL SELECT ${writer}::TEXT FROM holdfast.command WHERE target = 'whole'
         UNION ALL SELECT ${writer}::TEXT FROM holdfast.command_target WHERE target = 'whole'
         UNION ALL SELECT ${writer}::TEXT FROM holdfast.work WHERE target = 'whole'
         UNION ALL SELECT ${writer}::TEXT FROM holdfast.ended_work WHERE target = 'whole'`,
      );
      expect(found.length).toBe(5);
      expect(new Set(found.flat()).size).toBe(1);
    });

    test('a commit whose answer is lost is looked up: what was carried out is given, once', async () => {
      await using proxy = await startFaultProxy({ url });
      await using through = await connect({ url: proxy.url, driver });
      await using worker = await through.startSession({ component: 'lost', intervalMs: 600_000 });
      const consumed = async (target: string) => {
        await lease(target);
        await leases.send(db, target, 'pause', {}, by);
        const [work] = await worker.claim(leases.source);
        return leases.consume(work!, handlers);
      };
      await consumed('answered');
      let marking: number | undefined;
      const lost = proxy.inject({
        direction: 'to-server',
        at: ({ sql: text, connection }) => {
          if (text?.includes('INSERT INTO effect')) marking = connection;
          return connection === marking && /^(COMMIT|RELEASE SAVEPOINT cockroach)/.test(text ?? '');
        },
        action: dropReply(),
      });
      expect(await consumed('unanswered')).toMatchObject([{ command: 'pause', state: 'consumed' }]);
      await lost.struck;
      expect([await effects('unanswered'), await states('unanswered')]).toEqual([
        ['pause'],
        ['pause consumed'],
      ]);
      expect(worker.held).toEqual([]);
    });

    test.each([
      [{ states: ['a'], commands: {} }, 'commands: expected one at least'],
      [{ states: ['a'], commands: { go: { apply: ['b'] } } }, 'commands.go: "b" is not one of the states: a'],
      [
        { states: ['a'], commands: { go: { apply: ['a'], wait: ['a'] } } },
        'commands.go: "a" is in apply and in wait',
      ],
      [
        { states: ['a'], commands: { go: { apply: ['a'], supersedes: ['x'] } } },
        'commands.go.supersedes: "x" is not one of: go',
      ],
      [{ states: ['a'], commands: { 'go on': { apply: ['a'] } } }, 'commands.go on'],
      [
        { states: ['a'], commands: { go: { apply: ['a'], retries: 3 } } },
        'commands.go.retries: unknown option',
      ],
    ])('%j is refused when it is defined', (given, why) => {
      expect(() => defineCommands({ name: 'q', state: async () => undefined, ...given } as never)).toThrow(
        why,
      );
    });

    test('a handler is missing: refused at once', () => {
      expect(() => leases.loop({ ...handlers, pause: undefined } as never)).toThrow(
        'handlers.pause: expected a function',
      );
    });
  });
});
