import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { startFaultProxy } from '../../src/testing/index.ts';
import { allOk, createObservations, finished, onceEach, PIPELINES } from '../operations/support/stages.ts';
import { Child } from '../support/child.ts';
import {
  createTestDatabase,
  DRIVERS,
  seededRandom,
  type TestDatabase,
  waitFor,
} from '../support/database.ts';
import { rows } from '../support/sql.ts';

const WORKERS = 3;
const KILLS = 9;
/** CockroachDB needs as much of the processors for one of these as PostgreSQL does for ten. */
const targets = (engine: TestDatabase['engine']) => (engine === 'postgresql' ? 1_000 : 200);

describe.each(DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver });
    await createObservations(db);
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  test('two pipelines over 1,000 targets with workers killed at random end all OK, each stage once a generation', async () => {
    const random = seededRandom('operations: workers killed among 1,000 targets');
    const names = Array.from({ length: targets(database.engine) }, (_, n) => `t${n}`);
    const all = onceEach(names.length);
    const total = all.length * names.length;
    const start = async () => {
      const child = new Child(new URL('../operations/support/stage-worker.ts', import.meta.url), [
        database.url,
        driver,
      ]);
      await child.line();
      return child;
    };
    const workers = await Promise.all(Array.from({ length: WORKERS }, start));
    try {
      const observed = async () => {
        const [[count]] = (await rows(db, 'SELECT count(*) FROM observation')) as [[string]];
        return Number(count);
      };
      const enable = (parts: readonly string[]) =>
        Promise.all(
          Array.from({ length: 8 }, async (_, first) => {
            for (let n = first; n < parts.length; n += 8)
              for (const pipeline of PIPELINES) await pipeline.enable(db, parts[n]!, ['upload']);
          }),
        );
      const part = names.length / (KILLS + 1);
      let enabled = enable(names.slice(0, part));
      for (let kills = 1; kills <= KILLS; kills++) {
        // Each kill comes while others work, however fast they are: what follows it is enabled after it.
        const begun = ((kills - 1) * total) / (KILLS + 1);
        await waitFor(async () => (await observed()) > begun, { timeoutMs: 600_000, intervalMs: 20 });
        const victim = random.integer(0, WORKERS - 1);
        await workers[victim]![Symbol.asyncDispose]();
        await enabled;
        enabled = enable(names.slice(kills * part, (kills + 1) * part));
        workers[victim] = await start();
      }
      await enabled;
      await waitFor(async () => (await observed()) === total, { timeoutMs: 600_000, intervalMs: 100 });
      await waitFor(() => allOk(db), { intervalMs: 200 });
    } finally {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    }
    expect(await finished(db)).toEqual(all);
    const ends = await rows(
      db,
      "SELECT count(*), count(DISTINCT (target, kind)) FROM holdfast.ended_work WHERE event = 'finished'",
    );
    expect(ends).toEqual([[String(total), String(total)]]);
    const abandoned = await rows(db, "SELECT 1 FROM holdfast.ended_work WHERE event = 'abandoned' LIMIT 1");
    expect(abandoned).toHaveLength(1);

    await using proxy = await startFaultProxy({ url: database.url });
    await using counted = await connect({ url: proxy.url, driver });
    const [pipeline] = PIPELINES;
    await pipeline!.statusMany(counted, names.slice(0, 1));
    const one = await proxy.measure(() => pipeline!.statusMany(counted, names.slice(0, 1)));
    const many = await proxy.measure(() => pipeline!.statusMany(counted, names));
    expect(many.value.size).toBe(names.length);
    expect([many.statements, many.roundTrips]).toEqual([one.statements, one.roundTrips]);
  });
});
