import pg from 'pg';
import { type OpenQueue, stopwatch } from './queue-system.ts';

/** The part of graphile-worker that is used; its types are not installed with the project. */
interface GraphileWorker {
  run(options: object): Promise<{ stop(): Promise<void>; promise: Promise<void> }>;
  runMigrations(options: object): Promise<void>;
  Logger: new (sink: () => () => void) => object;
}

/** Loads it from the bench's own packages. */
export async function graphileWorker() {
  const name = 'graphile-worker';
  const module = (await import(name)) as GraphileWorker;
  return { ...module, quiet: new module.Logger(() => () => {}) };
}

/**
 * It goes on to its next job without waiting for the completion of the last, so a job counts when its DELETE was
 * answered, as with the others.
 */
function watchCompletions(client: pg.PoolClient, completed: (jobs: number) => void): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const watched = (...args: unknown[]) => {
    const answer = query(...args);
    const { text } = args[0] as { text?: string };
    if (text?.startsWith('delete from') && answer instanceof Promise)
      void answer.then(
        ({ rowCount }: { rowCount: number | null }) => completed(rowCount ?? 0),
        () => {},
      );
    return answer;
  };
  client.query = watched as typeof client.query;
}

/** With a batch of 1 as it comes; else with its local queue and batched completion. */
export const graphileQueue: OpenQueue = async (url, batch) => {
  const { run, runMigrations, quiet } = await graphileWorker();
  const pool = new pg.Pool({ connectionString: url, max: 26 });
  pool.on('error', () => {});
  let completed: (jobs: number) => void = () => {};
  pool.on('connect', (client) => {
    client.on('error', () => {});
    watchCompletions(client, (jobs) => completed(jobs));
  });
  await runMigrations({ pgPool: pool, logger: quiet });
  const batched = {
    preset: { worker: { localQueue: { size: batch }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  };
  return {
    name: 'graphile-worker',
    async fill(backlog) {
      const { rows } = await pool.query('SELECT count(*)::INT AS n FROM graphile_worker._private_jobs');
      const missing = backlog - rows[0].n;
      for (let at = 0; at < missing; at += 5_000)
        await pool.query(
          `SELECT graphile_worker.add_jobs(ARRAY(
             SELECT json_populate_record(NULL::graphile_worker.job_spec,
               json_build_object('identifier', 'job', 'payload', json_build_object('i', i)))
             FROM generate_series(1, $1::INT) AS g(i)))`,
          [Math.min(5_000, missing - at)],
        );
      await pool.query('VACUUM (ANALYZE)');
      await pool.query('CHECKPOINT');
    },
    async run(jobs, workers) {
      const watch = stopwatch(jobs);
      completed = watch.count;
      const runner = await run({
        pgPool: pool,
        logger: quiet,
        concurrency: workers,
        noHandleSignals: true,
        pollInterval: 1_000,
        taskList: {
          job: async () => {
            watch.start();
          },
        },
        ...(batch > 1 ? batched : {}),
      });
      const rate = await watch.rate;
      await runner.stop();
      return rate;
    },
    close: () => pool.end(),
  };
};
