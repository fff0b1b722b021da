import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlLoop, connect, type Database, runControlLoop } from '../../src/index.ts';
import { definePipeline } from '../../src/operations/index.ts';
import { createTestDatabase, SUITE_DRIVERS, seededRandom, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const STAGES = ['upload', 'index', 'tool-index'] as const;
const TARGETS = 40;
const KILLS = 12;

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver, announcements: { pollIntervalMs: 20 } });
    await rows(
      db,
      `CREATE TABLE observation (pipeline TEXT, target TEXT, operation TEXT, generation INT8,
        PRIMARY KEY (pipeline, target, operation, generation))`,
    );
  });
  afterAll(() => db?.close());

  test('two pipelines whose workers die again and again end all OK, each stage once a generation', async () => {
    const random = seededRandom('operations: workers that die');
    const pipelines = ['red', 'blue'].map((name) => definePipeline({ name, operations: STAGES }));
    const loops = pipelines.flatMap((pipeline) =>
      STAGES.flatMap((stage, at): ControlLoop[] => {
        const following = STAGES.slice(at + 1, at + 2);
        const loop = runControlLoop(db, {
          source: pipeline.source(stage),
          component: `${pipeline.name} ${stage}`,
          intervalMs: 60_000,
          parallelism: 4,
          pollIntervalMs: 50,
          handle: async (work) => {
            await pipeline.of(work).finish({ enable: following }, async (tx, generation) => {
              await rows(
                tx,
                'INSERT INTO observation VALUES ($1, $2, $3, $4)',
                pipeline.name,
                work.target,
                stage,
                String(generation),
              );
            });
          },
        });
        return [loop];
      }),
    );
    for (const pipeline of pipelines)
      for (let n = 0; n < TARGETS; n++) await pipeline.enable(db, `t${n}`, ['upload']);
    const allOk = async () => {
      for (const pipeline of pipelines)
        for await (const { state } of pipeline.list(db)) if (state !== 'OK') return false;
      return true;
    };
    let kills = 0;
    await waitFor(
      async () => {
        const { sessionId } = random.pick(loops).state;
        if (sessionId !== undefined && kills < KILLS) {
          // Its deadline is past, as if nothing had been heard of it: the next claim takes over.
          const past =
            "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1";
          await rows(db, past, sessionId);
          kills++;
        }
        const [[count]] = (await rows(db, 'SELECT count(*) FROM observation')) as [[string]];
        return kills === KILLS && Number(count) === 2 * TARGETS * STAGES.length && (await allOk());
      },
      { timeoutMs: 120_000 },
    );
    await Promise.all(loops.map((loop) => loop.stop()));
    const generations = await rows(db, 'SELECT DISTINCT generation FROM observation');
    expect(generations).toEqual([['1']]);
    expect(await rows(db, 'SELECT 1 FROM holdfast.work WHERE holder IS NOT NULL')).toEqual([]);
  });
});
