import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { createTestDatabase, SUITE_DRIVERS, seededRandom, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { allOk, createObservations, finished, onceEach, PIPELINES, runStages } from './support/stages.ts';

const TARGETS = 40;
const KILLS = 12;

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
    await createObservations(db);
  });
  afterAll(() => db?.close());

  test('two pipelines whose workers die again and again end all OK, each stage once a generation', async () => {
    const random = seededRandom('operations: workers that die');
    const loops = runStages(db, { intervalMs: 60_000, pollIntervalMs: 50 });
    for (const pipeline of PIPELINES)
      for (let n = 0; n < TARGETS; n++) await pipeline.enable(db, `t${n}`, ['upload']);
    const all = onceEach(TARGETS);
    let kills = 0;
    await waitFor(async () => {
      const { sessionId } = random.pick(loops).state;
      if (sessionId !== undefined && kills < KILLS) {
        // Its deadline is past, as if nothing had been heard of it: the next claim takes over.
        const past =
          "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1";
        await rows(db, past, sessionId);
        kills++;
      }
      return kills === KILLS && (await finished(db)).length === all.length && (await allOk(db));
    });
    await Promise.all(loops.map((loop) => loop.stop()));
    expect(await finished(db)).toEqual(all);
    expect(await rows(db, 'SELECT 1 FROM holdfast.work WHERE holder IS NOT NULL')).toEqual([]);
  });
});
