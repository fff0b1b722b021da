import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, explain, history } from '../../src/index.ts';
import { defineWorkflow, workflowsFace } from '../../src/workflows/index.ts';
import { createTestDatabase, DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const faces = [workflowsFace()];

const unit = defineWorkflow({
  name: 'unit',
  version: 1,
  states: ['installed', 'started'],
  transitions: {
    install: { from: null, to: 'installed', automatic: true },
    start: { from: 'installed', to: 'started' },
  },
});

describe.each(DRIVERS)('workflows in explain and history on %s', (driver) => {
  let db: Database;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
  });
  afterAll(() => db?.close());

  test('an instance that nobody works on is due, waits in its state, or is stuck', async () => {
    await unit.start(db, 'u1', {});
    expect(await explain(db, 'u1', { faces })).toMatchObject({
      state: 'stuck',
      verdict: expect.stringMatching(/^nothing holds it back: process workflow:unit has no live session/),
    });
    const session = await db.startSession({ component: 'worker', intervalMs: 600_000 });
    const [work] = await session.claim(unit.source());
    const done = async () => {};
    await unit.run(work!, { install: done, start: done });
    expect(await explain(db, 'u1', { faces })).toMatchObject({
      state: 'free',
      verdict: expect.stringContaining('waits in installed'),
    });
    await rows(
      db,
      "UPDATE holdfast.workflow SET stuck = 'no such hook', in_flight = 'start' WHERE target = 'u1'",
    );
    expect(await explain(db, 'u1', { faces })).toMatchObject({
      state: 'stuck',
      verdict: expect.stringContaining('start is stuck: no such hook'),
    });
    const events: string[] = [];
    for await (const { subject, event, cause } of history(db, 'u1', { faces }))
      if (subject === 'unit') events.push(`${event} ${cause ?? ''}`.trim());
    expect(events).toEqual(['started', 'fired install', 'done install, now installed']);
  });
});
