import pg from 'pg';
import { type OpenQueue, stopwatch } from './queue-system.ts';

/** The part of pg-boss that is used; its types are not installed with the project. */
export interface Boss {
  start(): Promise<unknown>;
  stop(options?: object): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): void;
  createQueue(name: string, options?: object): Promise<void>;
  insert(name: string, jobs: readonly object[]): Promise<unknown>;
  send(name: string, data: object, options?: object): Promise<string | null>;
  fetch(
    name: string,
    options: { batchSize: number; includeMetadata?: boolean },
  ): Promise<{ id: string; retryCount: number }[]>;
  complete(name: string, id: unknown): Promise<{ affected?: number }>;
  findJobs(name: string, options: object): Promise<{ state: string; retryCount: number }[]>;
  supervise(name?: string): Promise<void>;
}

/** Loads it from the bench's own packages. */
export async function openBoss(url: string, max: number): Promise<Boss> {
  const name = 'pg-boss';
  const { PgBoss } = (await import(name)) as { PgBoss: new (options: object) => Boss };
  const boss = new PgBoss({ connectionString: url, max, supervise: false, schedule: false });
  boss.on('error', () => {});
  await boss.start();
  return boss;
}

export const pgBossQueue: OpenQueue = async (url, batch) => {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const boss = await openBoss(url, 24);
  const queue = 'job';
  await boss.createQueue(queue);
  let waiting = 0;
  return {
    name: 'pg-boss',
    async fill(backlog) {
      for (; waiting < backlog; waiting += 5_000)
        await boss.insert(
          queue,
          Array.from({ length: Math.min(5_000, backlog - waiting) }, (_, i) => ({ data: { i } })),
        );
      waiting = backlog;
      await pool.query('VACUUM (ANALYZE)');
      await pool.query('CHECKPOINT');
    },
    async run(jobs, workers) {
      const watch = stopwatch(jobs);
      watch.start();
      const worker = async () => {
        while (!watch.over) {
          const fetched = await boss.fetch(queue, { batchSize: batch });
          if (fetched.length === 0) continue;
          await boss.complete(
            queue,
            fetched.map(({ id }) => id),
          );
          waiting -= fetched.length;
          watch.count(fetched.length);
        }
      };
      await Promise.all(Array.from({ length: workers }, worker));
      return watch.rate;
    },
    async close() {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
};
