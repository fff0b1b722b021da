/** What runs in a replica of its own: a system's own runner, whose handler does one UPDATE of the job's row. */
import pg from 'pg';
import { claimJob, finishJob } from '../../examples/queue/generated/job.ts';
import { connect, rotating, runControlLoop } from '../../src/index.ts';
import { graphileWorker } from '../sections/queue-graphile-worker.ts';
import { BUCKETS } from '../sections/queue-holdfast.ts';
import { type Boss, openBoss } from '../sections/queue-pg-boss.ts';

export type SystemName =
  | 'holdfast'
  | 'holdfast, no history'
  | 'holdfast, function'
  | 'graphile-worker'
  | 'graphile-worker, best'
  | 'pg-boss'
  | 'pg-boss, best';

export interface Replica {
  readonly system: SystemName;
  readonly url: string;
  /** Handlers at once. */
  readonly parallel: number;
}

interface Running {
  stop(): Promise<void>;
}

const DONE_BY = 'bench';
const UPDATE = 'UPDATE job SET done_by = $2 WHERE job_id = $1';

/** Starts the runner. `picked` is told of a job when its handler begins. */
export function startReplica(replica: Replica, picked: (job: string) => void): Promise<Running> {
  switch (replica.system) {
    case 'graphile-worker':
    case 'graphile-worker, best':
      return graphile(replica, picked);
    case 'pg-boss':
    case 'pg-boss, best':
      return boss(replica, picked);
    default:
      return holdfast(replica, picked);
  }
}

/** Default options. */
async function holdfast({ system, url, parallel }: Replica, picked: (job: string) => void): Promise<Running> {
  const db = await connect({ url });
  const loop = runControlLoop(db, {
    component: 'bench',
    parallelism: parallel,
    source:
      system === 'holdfast, function'
        ? {
            kind: 'job',
            candidates: async (tx, wanted) => {
              const { rows } = await tx.execute({
                text: 'SELECT job_id FROM job WHERE done_by IS NULL ORDER BY bucket, job_id LIMIT $1',
                values: [String(wanted)],
              });
              return rows.map(([job]) => String(job));
            },
          }
        : rotating(BUCKETS, (buckets) => claimJob.with({ buckets })),
    handle: async (work) => {
      picked(work.target);
      await work.finish(finishJob.with({ doneBy: DONE_BY }));
    },
    onError: (error, during) => console.error(`${system}, ${during}:`, error),
  });
  return {
    async stop() {
      await loop.stop();
      await db.close();
    },
  };
}

/** Best: its local queue, completions in batches, as many connections as handlers. */
async function graphile({ system, url, parallel }: Replica, picked: (job: string) => void): Promise<Running> {
  const { run, quiet } = await graphileWorker();
  const best = system === 'graphile-worker, best';
  const pool = new pg.Pool({ connectionString: url, max: best ? parallel + 3 : 10 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const runner = await run({
    pgPool: pool,
    logger: quiet,
    concurrency: parallel,
    noHandleSignals: true,
    taskList: {
      job: async ({ id }: { id: string }, { query }: { query: pg.Pool['query'] }) => {
        picked(id);
        await query({ name: 'update', text: UPDATE, values: [id, DONE_BY] });
      },
    },
    ...(best
      ? {
          preset: {
            worker: { localQueue: { size: 8 * parallel }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
          },
        }
      : {}),
  });
  return {
    async stop() {
      await runner.stop();
      await pool.end();
    },
  };
}

/** Best: batches of twenty a worker, fetched without a pause. */
async function boss({ system, url, parallel }: Replica, picked: (job: string) => void): Promise<Running> {
  const best = system === 'pg-boss, best';
  const pool = new pg.Pool({ connectionString: url, max: best ? parallel : 10 });
  pool.on('error', () => {});
  const opened = (await openBoss(url, best ? parallel + 2 : 10)) as Boss & {
    work(
      name: string,
      options: object,
      handler: (jobs: readonly { data: { id: string } }[]) => Promise<void>,
    ): Promise<string>;
  };
  const options = {
    localConcurrency: parallel,
    ...(best ? { batchSize: 20, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 } : {}),
  };
  await opened.work('job', options, async (jobs) => {
    for (const { data } of jobs) {
      picked(data.id);
      await pool.query({ name: 'update', text: UPDATE, values: [data.id, DONE_BY] });
    }
  });
  return {
    async stop() {
      await opened.stop({ graceful: false });
      await pool.end();
    },
  };
}
