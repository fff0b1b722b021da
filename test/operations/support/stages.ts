import { type ControlLoop, type Database, runControlLoop } from '../../../src/index.ts';
import { definePipeline } from '../../../src/operations/index.ts';
import { rows } from '../../support/sql.ts';

export const STAGES = ['upload', 'index', 'tool-index'] as const;
export const PIPELINES = ['red', 'blue'].map((name) => definePipeline({ name, operations: STAGES }));

/** One row for each stage that was finished: a second one of a generation is refused by the key. */
export async function createObservations(db: Database): Promise<void> {
  await rows(
    db,
    `CREATE TABLE observation (pipeline TEXT, target TEXT, operation TEXT, generation INT8,
      PRIMARY KEY (pipeline, target, operation, generation))`,
  );
}

/** A control loop for each stage of each pipeline; the end of a stage makes the next one READY. */
export function runStages(
  db: Database,
  { intervalMs, pollIntervalMs }: { readonly intervalMs: number; readonly pollIntervalMs: number },
): ControlLoop[] {
  return PIPELINES.flatMap((pipeline) =>
    STAGES.map((stage, at) =>
      runControlLoop(db, {
        source: pipeline.source(stage),
        component: `${pipeline.name} ${stage}`,
        intervalMs,
        parallelism: 4,
        pollIntervalMs,
        handle: async (work) => {
          const enable = STAGES.slice(at + 1, at + 2);
          await pipeline.of(work).finish({ enable }, async (tx, generation) => {
            const row = [pipeline.name, work.target, stage, String(generation)];
            await rows(tx, 'INSERT INTO observation VALUES ($1, $2, $3, $4)', ...row);
          });
        },
      }),
    ),
  );
}

/** Every operation of these pipelines is OK. */
export async function allOk(db: Database): Promise<boolean> {
  for (const pipeline of PIPELINES)
    for await (const { state } of pipeline.list(db)) if (state !== 'OK') return false;
  return true;
}

/** What was finished, as pipeline, stage, generation and how many targets: once each when all is well. */
export const finished = (db: Database) =>
  rows(
    db,
    `SELECT pipeline, operation, generation, count(*) FROM observation
     GROUP BY pipeline, operation, generation ORDER BY pipeline, operation, generation`,
  );

/** Each stage of each pipeline once, for so many targets. */
export const onceEach = (targets: number) =>
  PIPELINES.map(({ name }) => name)
    .toSorted()
    .flatMap((name) => STAGES.toSorted().map((stage) => [name, stage, '1', String(targets)]));
