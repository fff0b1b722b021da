import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type CommandHandlers,
  CommandKeyError,
  CommandTimeoutError,
  defineCommands,
  findQueue,
} from '../../src/commands/index.ts';
import { connect, type Database, MisuseError, type Session, sql, type Transaction } from '../../src/index.ts';
import { createTestDatabase, DRIVERS } from '../support/database.ts';
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
    },
    pause: { apply: ['active'], wait: ['pending'] },
    resize: {
      args: z.strictObject({ size: z.string() }),
      apply: ['active'],
      wait: ['pending'],
      collapses: true,
    },
    release: { apply: ['active'], wait: ['pending'], overtakes: true, supersedes: ['pause'] },
  },
});

const note = (tx: Transaction, target: string, what: string) =>
  tx.execute(sql`INSERT INTO effect (lease, what) VALUES (${target}, ${what})`);

describe.each(DRIVERS)('commands on %s', (driver) => {
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
    session = await db.startSession({ component: 'consumer', intervalMs: 600_000 });
    await rows(db, 'CREATE TABLE lease (name TEXT PRIMARY KEY, state TEXT NOT NULL)');
    await rows(
      db,
      'CREATE TABLE effect (n UUID PRIMARY KEY DEFAULT gen_random_uuid(), lease TEXT, what TEXT)',
    );
  });
  afterAll(() => db?.close());

  const by = { author: 'tester' };
  const lease = (name: string, state: State = 'active') =>
    db.execute(sql`INSERT INTO lease VALUES (${name}, ${state})`);
  const usual = {
    extend: (tx: Transaction, { target, args }: { target: string; args: { minutes: number } }) =>
      note(tx, target, `extend ${args.minutes}`),
    pause: (tx: Transaction, { target }: { target: string }) => note(tx, target, 'pause'),
    resize: (tx: Transaction, { target, args }: { target: string; args: { size: string } }) =>
      note(tx, target, `resize ${args.size}`),
    release: async (tx: Transaction, { target }: { target: string }) => {
      await note(tx, target, 'release');
      await tx.execute(sql`UPDATE lease SET state = 'released' WHERE name = ${target}`);
    },
  };
  /** Carries out what is pending of the one target that is due. */
  const consume = async (handlers: Partial<typeof usual> & Record<string, unknown> = {}) => {
    const [work] = await session.claim(leases.source);
    return work ? leases.consume(work, { ...usual, ...handlers } as never) : undefined;
  };
  const effects = async (target: string) =>
    (await rows(db, 'SELECT what FROM effect WHERE lease = $1 ORDER BY what', target)).map(([what]) => what);
  const states = async (target: string) => {
    const all: string[] = [];
    for await (const { command, state } of leases.list(db, { targets: [target] }))
      all.push(`${command} ${state}`);
    return all;
  };

  test('a command is numbered, carried out and marked in one transaction', async () => {
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
    expect(await consume()).toBeUndefined();
  });
});
