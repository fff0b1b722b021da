import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pendingLeases, request } from '../../examples/leases/allocator.ts';
import { check } from '../../examples/leases/checks.ts';
import { freeSlots, takeSlots, writeLease } from '../../examples/leases/generated/leases.ts';
import { saveResource, writeResource } from '../../examples/leases/generated/resources.ts';
import { greeting, Host, processesNaming } from '../../examples/leases/host.ts';
import { handlersOf, runLoops } from '../../examples/leases/loops.ts';
import {
  EXPIRE,
  LEASE_PHASES,
  LEASE_WRITERS,
  LEASES_SCHEMA,
  RESOURCE_PHASES,
  RESOURCE_WRITERS,
  writer,
} from '../../examples/leases/phases.ts';
import { leases, resources } from '../../examples/leases/queues.ts';
import {
  connect,
  type Database,
  migrate,
  type Session,
  type Source,
  sql,
  type Transaction,
  type Work,
} from '../../src/index.ts';
import { Child } from '../support/child.ts';
import { createTestDatabase, DRIVERS, testEngine, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const WORKER = new URL('../../examples/leases/worker.ts', import.meta.url);
const KINDS = [
  ...new Set([...Object.values(LEASE_WRITERS), ...Object.values(RESOURCE_WRITERS), EXPIRE]),
].filter((kind) => kind !== undefined);
const NOTHING = { resource: null, ttlMs: null, port: null } as const;

describe.each(DRIVERS)('leases on %s', (driver) => {
  let db: Database;
  let session: Session;
  let host: Host;
  let count = 0;

  beforeAll(async () => {
    const { url } = await createTestDatabase();
    await migrate(url, { sets: ['holdfast', LEASES_SCHEMA] });
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
    session = await db.startSession({ component: 'tester', intervalMs: 600_000 });
  });
  afterAll(() => db?.close());
  beforeEach(async () => {
    host = new Host(`host${++count}`, await mkdtemp(join(tmpdir(), 'holdfast-test-')), process.pid);
  });
  // Processes end with their folders.
  afterEach(() => rm(host.root, { recursive: true, force: true, maxRetries: 5 }));

  const most = 2;
  const by = { author: 'tester' };
  const ask = (name: string, more: { blueprint?: string; slots?: number; ttlMs?: number } = {}) =>
    request(db, {
      name: `${host.name}-${name}`,
      host: host.name,
      blueprint: 'folder',
      slots: 1,
      ttlMs: 600_000,
      ...more,
    });
  const full = (name: string) => `${host.name}-${name}`;
  const leaseRow = async (name: string) =>
    (await rows(db, 'SELECT * FROM leases.lease WHERE name = $1', name))[0];
  const phaseOf = async (object: 'lease' | 'resource', name: string) =>
    (await rows(db, `SELECT phase FROM leases.${object} WHERE name = $1`, name))[0]?.[0];
  const phaseCounts = async () =>
    rows(
      db,
      'SELECT phase, count(*) FROM leases.lease WHERE host = $1 GROUP BY phase ORDER BY phase',
      host.name,
    );
  const saved = (object: 'lease' | 'resource', name: string, phase: string, resource = `${name}-resource`) =>
    object === 'lease'
      ? db.execute(sql`INSERT INTO leases.lease (name, host, blueprint, slots, phase, resource, ttl_ms)
          VALUES (${name}, ${host.name}, 'folder', 1, ${phase}, ${resource}, 600000)`)
      : db.execute(sql`INSERT INTO leases.resource (name, host, blueprint, slots, phase)
          VALUES (${name}, ${host.name}, 'folder', 2, ${phase})`);
  const claimed = async (kind: string, target: string): Promise<Work> => {
    const [work] = await session.claim({ kind, candidates: () => [target] });
    return work!;
  };
  const states = async (queue: typeof leases | typeof resources, target: string) => {
    const all: string[] = [];
    for await (const { command, state } of queue.list(db, { targets: [target] }))
      all.push(`${command} ${state}`);
    return all;
  };
  /** Takes steps by hand until nothing of these kinds is left to do. */
  const work = async (...kinds: (keyof ReturnType<typeof handlersOf>)[]) => {
    const handlers = handlersOf(db, { host, most });
    const sources = sourcesOf();
    for (let idle = false; !idle; ) {
      idle = true;
      for (const kind of kinds) {
        const [one] = await session.claim(sources[kind]);
        if (!one) continue;
        idle = false;
        await handlers[kind](one);
      }
    }
  };
  const sourcesOf = (): Record<string, Source> & Record<keyof ReturnType<typeof handlersOf>, Source> => {
    const of = (kind: string, object: string, where: string): Source => ({
      kind,
      candidates: async (tx) => {
        const found = await tx.execute({
          text: `SELECT t.name FROM leases.${object} AS t WHERE t.host = $1 AND ${where} ORDER BY t.name`,
          values: [host.name],
        });
        return found.rows.map(([name]) => name!);
      },
    });
    return {
      'lease:allocate': pendingLeases(host.name, most),
      'resource:create': of('resource:create', 'resource', "t.phase = 'pending'"),
      'lease:activate': of('lease:activate', 'lease', "t.phase = 'acquired'"),
      'lease:commands': leases.source,
      'resource:commands': resources.source,
      'lease:destroy': of('lease:destroy', 'lease', "t.phase IN ('released', 'broken')"),
      'resource:destroy': of('resource:destroy', 'resource', "t.phase IN ('released', 'broken')"),
      'lease:expire': of('lease:expire', 'lease', "t.phase = 'active' AND t.expires_at <= now()"),
    };
  };

  for (const object of ['lease', 'resource'] as const) {
    const [writers, phases] =
      object === 'lease' ? [LEASE_WRITERS, LEASE_PHASES] : [RESOURCE_WRITERS, RESOURCE_PHASES];
    const write = (tx: Parameters<typeof writeLease>[0], proof: ReturnType<typeof writer>, phase: string) =>
      object === 'lease'
        ? writeLease(tx, { ...proof, phase, resource: 'stolen', ttlMs: 1n })
        : writeResource(tx, { ...proof, phase, port: 1n });
    const rowOf = async (name: string) =>
      (await rows(db, `SELECT * FROM leases.${object} WHERE name = $1`, name))[0];

    test.each(phases)(
      `a ${object} that is %s is written by its one writer, and by no other kind of work`,
      async (phase) => {
        const name = full(`${object}-${phase}`);
        await saved(object, name, phase);
        const before = await rowOf(name);
        const right = (writers as Record<string, string | undefined>)[phase];
        const said = right ?? 'nobody';
        for (const kind of KINDS.filter((one) => one !== right)) {
          const wrong = await claimed(kind, name);
          const refused = new RegExp(`${object} ${name} is ${phase}: ${said} writes it, not ${kind}`);
          await expect(wrong.finish((tx) => write(tx, writer(wrong), 'destroyed'))).rejects.toThrow(refused);
          await expect(wrong.transact((tx) => write(tx, writer(wrong), 'destroyed'))).rejects.toThrow(
            refused,
          );
          await wrong.cancel();
          expect(await rowOf(name)).toEqual(before);
        }
        if (!right) return;
        // The name of the right kind alone is not enough: nobody holds it, or with another token.
        const unheld = /is not held by/;
        await expect(
          db.transact((tx) => write(tx, { name, kind: right, token: 1n }, 'destroyed')),
        ).rejects.toThrow(unheld);
        const holder = await claimed(right, name);
        const late = { ...writer(holder), token: holder.token - 1n };
        await expect(holder.transact((tx) => write(tx, late, 'destroyed'))).rejects.toThrow(unheld);
        expect(await rowOf(name)).toEqual(before);
        expect(await rows(db, 'SELECT 1 FROM leases.change WHERE name = $1', name)).toEqual([]);
        await holder.finish((tx) => write(tx, writer(holder), phase));
        // It has ended: the same proof holds no more.
        await expect(db.transact((tx) => write(tx, writer(holder), 'destroyed'))).rejects.toThrow(unheld);
        expect(await rowOf(name)).not.toEqual(before);
      },
    );
  }

  test('who asked for a lease cannot save it again, and a resource is saved only by the work that allocates a pending lease', async () => {
    await ask('a');
    await expect(ask('a', { slots: 2 })).rejects.toMatchObject({ code: '23505' });
    await expect(ask('b', { slots: 3 })).rejects.toThrow(/no blueprint folder with 3 slots/);
    expect(await leaseRow(full('b'))).toBeUndefined();
    for (const kind of KINDS.filter((one) => one !== LEASE_WRITERS.pending)) {
      const wrong = await claimed(kind, full('a'));
      const save = wrong.finish((tx) =>
        saveResource(tx, { name: 'r', lease: full('a'), kind, token: wrong.token }),
      );
      await expect(save).rejects.toThrow(/lease:allocate of a pending lease writes it, not/);
      await wrong.cancel();
    }
    expect(await phaseOf('resource', 'r')).toBeUndefined();
  });

  test('a lease that needs several slots gets all of them or none, and keeps them until it is destroyed', async () => {
    const resource = full('r');
    await saved('resource', resource, 'active');
    await ask('one');
    await ask('two', { slots: 2 });
    await work('lease:allocate');
    const held = () =>
      rows(db, 'SELECT slot, lease FROM leases.slot WHERE resource = $1 ORDER BY slot', resource);
    expect(await held()).toEqual([['1', full('one')]]);
    const two = await claimed('lease:allocate', full('two'));
    const take = two.finish((tx) => takeSlots(tx, { resource, lease: full('two'), slots: 2n }));
    await expect(take).rejects.toThrow(/has no 2 free slots/);
    await two.cancel();
    expect(await held()).toEqual([['1', full('one')]]);
    // Not before it is destroyed, even where somebody tries.
    expect(await db.transact((tx) => freeSlots(tx, { lease: full('one') }))).toBe(0);
    for (const phase of ['active', 'released', 'destroyed']) {
      const from = await phaseOf('lease', full('one'));
      const holder = await claimed(
        (LEASE_WRITERS as Record<string, string | undefined>)[from!]!,
        full('one'),
      );
      await holder.finish(async (tx) => {
        await writeLease(tx, { ...NOTHING, ...writer(holder), phase });
        await freeSlots(tx, { lease: full('one') });
      });
      expect(await held()).toEqual(phase === 'destroyed' ? [] : [['1', full('one')]]);
    }
  });

  test('the allocator prefers a free resource, makes one at a time, and asks one at a time to go', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await ask(name);
    await work('lease:allocate');
    const inPhases = () =>
      rows(
        db,
        'SELECT blueprint, phase, count(*) FROM leases.resource WHERE host = $1 GROUP BY 1, 2 ORDER BY 1, 2',
        host.name,
      );
    expect(await inPhases()).toEqual([['folder', 'pending', '1']]);
    await work('lease:allocate', 'resource:create');
    // Two resources bear four; the fifth waits.
    expect(await inPhases()).toEqual([['folder', 'active', '2']]);
    expect(await phaseCounts()).toEqual([
      ['acquired', '4'],
      ['pending', '1'],
    ]);
    await work('lease:activate');
    for (const name of ['a', 'b', 'c', 'd']) await leases.send(db, full(name), 'release', {}, by);
    await work('lease:commands', 'lease:destroy');
    await ask('p', { blueprint: 'port' });
    await ask('q', { blueprint: 'port' });
    await work('lease:allocate');
    // The fifth folder took a slot; of what is unused one resource is asked to go, for both.
    const asked = await rows(
      db,
      "SELECT count(*) FROM holdfast.command WHERE command = 'reclaim' AND state = 'pending'",
    );
    expect(asked).toEqual([['1']]);
    await work(
      'resource:commands',
      'resource:destroy',
      'lease:allocate',
      'resource:create',
      'lease:activate',
    );
    expect(await inPhases()).toEqual([
      ['folder', 'active', '1'],
      ['folder', 'destroyed', '1'],
      ['port', 'active', '1'],
    ]);
  });

  test('reclaim releases a resource only if it is unused', async () => {
    await ask('a');
    await work('lease:allocate', 'resource:create', 'lease:activate');
    const [resource] = (await rows(db, 'SELECT resource FROM leases.lease WHERE name = $1', full('a')))[0]!;
    await resources.send(db, resource!, 'reclaim', {}, by);
    await work('resource:commands', 'resource:destroy');
    expect(await states(resources, resource!)).toEqual(['reclaim rejected']);
    expect(await phaseOf('resource', resource!)).toBe('active');
    await leases.send(db, full('a'), 'release', {}, by);
    await work('lease:commands', 'lease:destroy');
    await resources.send(db, resource!, 'reclaim', {}, by);
    await work('resource:commands', 'resource:destroy');
    expect(await phaseOf('resource', resource!)).toBe('destroyed');
    expect(await check(db, host)).toEqual([]);
  });

  test('release pressed five times at once releases once, with a sleep in the release code', async () => {
    const name = full('a');
    await saved('lease', name, 'active');
    const release = () => leases.send(db, name, 'release', {}, by);
    await Promise.all([release(), release()]);
    // The seed's race: while the release code sleeps others press, and another consumer looks for what there is to do.
    const [first] = await session.claim(leases.source);
    const [asleep, awake] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slowly = async (tx: Transaction) => {
      asleep.resolve();
      await awake.promise;
      await writeLease(tx, { ...NOTHING, ...writer(first!), phase: 'released' });
    };
    const consumed = leases.consume(first!, { release: slowly, extend: () => {} });
    await asleep.promise;
    const pressed = Promise.all([release(), release(), release()]);
    // On CockroachDB it waits until the consumer has ended, and then finds what was pressed meanwhile.
    const looked = session.claim(leases.source);
    awake.resolve();
    const [, , others] = await Promise.all([consumed, pressed, looked]);
    for (const other of others) await leases.consume(other, { release: slowly, extend: () => {} });
    await work('lease:commands');
    const ends = await states(leases, name);
    expect(ends.filter((end) => end === 'release consumed')).toHaveLength(1);
    expect(ends.filter((end) => /rejected|superseded/.test(end))).toHaveLength(4);
    expect(
      await rows(db, "SELECT count(*) FROM leases.change WHERE name = $1 AND phase = 'released'", name),
    ).toEqual([['1']]);
  });

  test('a command sent before activation waits for it', async () => {
    await ask('a');
    const name = full('a');
    await leases.send(db, name, 'release', {}, by);
    await work('lease:commands', 'lease:allocate');
    expect(await states(leases, name)).toEqual(['release pending']);
    await work('lease:commands', 'lease:allocate', 'resource:create');
    expect(await phaseOf('lease', name)).toBe('acquired');
    expect(await states(leases, name)).toEqual(['release pending']);
    await work('lease:activate', 'lease:commands');
    expect(await states(leases, name)).toEqual(['release consumed']);
    expect(await phaseOf('lease', name)).toBe('released');
  });

  test('a lease whose time is over is released once, by expiry; one that was extended is not', async () => {
    await saved('lease', full('a'), 'active');
    await saved('lease', full('b'), 'active');
    await rows(
      db,
      "UPDATE leases.lease SET expires_at = now() - INTERVAL '1 second' WHERE host = $1",
      host.name,
    );
    await leases.send(db, full('b'), 'extend', { ms: 600_000 }, by);
    await work('lease:commands');
    for (let twice = 0; twice < 2; twice++) {
      const handlers = handlersOf(db, { host, most });
      await handlers['lease:expire'](await claimed(EXPIRE, full('a')));
    }
    await work('lease:commands');
    expect(await states(leases, full('a'))).toEqual(['release consumed']);
    expect(await rows(db, 'SELECT author FROM holdfast.command WHERE target = $1', full('a'))).toEqual([
      ['expiry'],
    ]);
    expect(await phaseOf('lease', full('b'))).toBe('active');
  });

  test('a resource that does not come up is broken, destroyed, and replaced; its lease is served by another', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    try {
      const { port } = taken.address() as { port: number };
      await ask('a', { blueprint: 'port' });
      await work('lease:allocate');
      await rows(db, 'UPDATE leases.resource SET port = $2 WHERE host = $1', host.name, String(port));
      const handlers = handlersOf(db, { host, most });
      const [[resource]] = (await rows(
        db,
        'SELECT name FROM leases.resource WHERE host = $1',
        host.name,
      )) as [[string]];
      for (let failures = 0; (await phaseOf('resource', resource)) === 'pending'; failures++) {
        expect(failures).toBeLessThan(5);
        const one = await waitFor(async () => (await session.claim(sourcesOf()['resource:create']))[0]);
        await handlers['resource:create'](one).catch((error: Error) =>
          one.fail(error.message, {
            backoff: { initialMs: 1, maximumMs: 1_000, exponent: 1, jitter: 'full' },
          }),
        );
      }
      expect(await phaseOf('resource', resource)).toBe('broken');
      await work('resource:destroy', 'lease:allocate', 'resource:create', 'lease:activate');
      expect(await phaseOf('resource', resource)).toBe('destroyed');
      expect(await phaseOf('lease', full('a'))).toBe('active');
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
  });

  test('a port answers while it is leased, and not when it is destroyed', async () => {
    await ask('a', { blueprint: 'port' });
    await work('lease:allocate', 'resource:create', 'lease:activate');
    const [[name, port]] = (await rows(
      db,
      'SELECT name, port FROM leases.resource WHERE host = $1',
      host.name,
    )) as [[string, string]];
    expect(await greeting(Number(port))).toBe(name);
    await leases.send(db, full('a'), 'release', {}, by);
    await work('lease:commands', 'lease:destroy');
    await resources.send(db, name, 'reclaim', {}, by);
    await work('resource:commands', 'resource:destroy');
    expect(await greeting(Number(port))).toBeUndefined();
    expect(await check(db, host)).toEqual([]);
  });

  test.each(['resource:create', 'lease:activate', 'lease:destroy', 'resource:destroy'])(
    'a worker killed between the effect of %s and its record leaks nothing and destroys nothing twice',
    async (kind) => {
      // What it held is free when its session's interval is over; a busy CockroachDB answers no heartbeat within a second.
      const intervalMs = testEngine() === 'cockroachdb' ? 5_000 : 1_000;
      const args = [host.name, host.root, String(process.pid), String(most), String(intervalMs), kind];
      await ask('a', { blueprint: 'port' });
      await leases.send(db, full('a'), 'release', {}, by);
      const resource = async () =>
        (await rows(db, 'SELECT name FROM leases.resource WHERE host = $1', host.name))[0]?.[0];
      const end = async () => {
        const name = await resource();
        if ((await phaseOf('lease', full('a'))) !== 'destroyed' || !name) return false;
        if ((await phaseOf('resource', name)) === 'active')
          await resources.send(db, name, 'reclaim', {}, { ...by, key: 'the end' });
        return (await phaseOf('resource', name)) === 'destroyed';
      };
      await using worker = new Child(WORKER, args, { DATABASE_URL: db.url, HOLDFAST_DATABASE_URL: '' });
      let code: unknown;
      void worker.exited.then((value) => {
        code = value;
      });
      await waitFor(async () => code ?? ((await end()) && 'ended'));
      expect(code).toBe('SIGKILL');
      const loops = runLoops(db, { host, most, intervalMs });
      try {
        await waitFor(async () => (await processesNaming(host.root)).length <= 1 && (await end()));
      } finally {
        await Promise.all(loops.map((loop) => loop.stop()));
      }
      expect(await readdir(host.root)).toEqual([]);
      // A process that came up late finds no folder, and ends.
      await waitFor(async () => (await processesNaming(host.root)).length === 0);
      const destroyed = await rows(
        db,
        "SELECT object, count(*) FROM leases.change WHERE phase = 'destroyed' AND name LIKE $1 GROUP BY object ORDER BY object",
        `${host.name}-%`,
      );
      expect(destroyed).toEqual([
        ['lease', '1'],
        ['resource', '1'],
      ]);
    },
  );
});
