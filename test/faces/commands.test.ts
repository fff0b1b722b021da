import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandsFace, defineCommands } from '../../src/commands/index.ts';
import { connect, type Database, explain, history, type Session, sql } from '../../src/index.ts';
import { createTestDatabase, DRIVERS } from '../support/database.ts';

const faces = [commandsFace()];

const doors = defineCommands({
  name: 'door',
  states: ['shut', 'moving'],
  state: async (on, target) => {
    const { rows } = await on.execute(sql`SELECT state FROM door WHERE name = ${target}`);
    return rows[0]?.[0] as 'shut' | 'moving' | undefined;
  },
  commands: { open: { apply: ['shut'], wait: ['moving'], attempts: 2 }, paint: { apply: ['shut'] } },
});

describe.each(DRIVERS)('commands in explain and history on %s', (driver) => {
  let db: Database;
  let session: Session;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
    session = await db.startSession({ component: 'porter', instance: 'n7', intervalMs: 600_000 });
    await db.execute(sql`CREATE TABLE door (name TEXT PRIMARY KEY, state TEXT NOT NULL)`);
    await db.execute(sql`INSERT INTO door VALUES ('d1', 'shut'), ('d2', 'shut'), ('d3', 'shut')`);
  });
  afterAll(() => db?.close());

  const by = { author: 'ann' };
  const consume = async (open: () => void) => {
    const [work] = await session.claim(doors.source);
    await doors.consume(work!, { open: async () => open(), paint: async () => {} });
  };
  const of = (target: string, components: string[] = []) => explain(db, target, { faces, components });

  test('pending without a consumer, pending with one, tried again later, and done', async () => {
    await doors.send(db, 'd1', 'open', {}, by);
    await doors.send(db, 'd1', 'paint', {}, by);
    expect(await of('d1')).toMatchObject({
      state: 'stuck',
      verdict: expect.stringMatching(/^nothing holds it back: process door:commands has no live session/),
      facts: [
        { face: 'commands', rows: [{ queue: 'door:commands', pending: 2n, first: '1 open', author: 'ann' }] },
      ],
    });
    expect(await of('d1', ['porter'])).toMatchObject({ state: 'progressing' });
    await consume(() => {
      throw new Error('jammed');
    });
    expect(await of('d1')).toMatchObject({
      state: 'progressing',
      verdict: expect.stringMatching(/^command open \(1\) is looked at again at .* UTC: .*jammed/),
    });
    await db.execute(sql`UPDATE holdfast.command SET not_before = NULL`);
    await db.execute(sql`UPDATE holdfast.command_target SET due_at = now()`);
    await consume(() => {});
    expect(await of('d1')).toMatchObject({ state: 'free', verdict: 'nothing holds it back' });
  });

  test('each command is in the history as it was sent, and as it ended', async () => {
    await doors.send(db, 'd2', 'open', {}, by);
    await doors.cancel(db, 'd2', (await doors.send(db, 'd2', 'paint', {}, by)).sequence, 'no paint');
    await consume(() => {});
    const events: string[] = [];
    for await (const { subject, event, cause } of history(db, 'd2', { faces })) {
      expect(subject).toBe('door:commands');
      events.push(cause === undefined ? event : `${event} ${cause}`);
    }
    expect(events.toSorted()).toEqual([
      'canceled paint (2): no paint',
      'consumed open (1)',
      'finished',
      'sent open (1) by ann',
      'sent paint (2) by ann',
      'started',
    ]);
    expect(events.slice(0, 3)).toEqual([
      'sent open (1) by ann',
      'sent paint (2) by ann',
      'canceled paint (2): no paint',
    ]);
  });
});
