import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { claimJob, finishJob, insertJob, openJobs } from '../../examples/queue/generated/job.ts';
import { bucketOf, connect, rotating, type Work } from '../../src/index.ts';
import { type OpenQueue, type QueueSystem, stopwatch } from './queue-system.ts';

export const BUCKETS = 64;

/**
 * `claim and finish`: two statements. `fused`: the same two in one commit. `shared`: two statements for as many workers
 * as wait for one, each of which takes and finishes one job at a time.
 */
export function holdfastQueue(
  mode: 'claim and finish' | 'fused' | 'shared',
  driver: 'pg' | 'postgres' = 'pg',
): OpenQueue {
  return async (url, batch): Promise<QueueSystem> => {
    const db = await connect({ url, driver, pool: { max: 24 } });
    const session = await db.startSession({ component: 'bench', intervalMs: 60_000 });
    const schema = new URL('../../examples/queue/schema/queue/0001_job.up.sql', import.meta.url);
    for (const text of (await readFile(schema, 'utf8')).split(';'))
      if (/^\s*CREATE/m.test(text)) await db.execute({ text, values: [] });
    const claimTimes: number[] = [];
    const params = { doneBy: 'bench' };

    const shared = rotating(BUCKETS, (buckets) => claimJob.with({ buckets }));
    async function sharingWorker(watch: ReturnType<typeof stopwatch>) {
      watch.start();
      while (!watch.over) {
        const before = performance.now();
        const works = await session.claim(shared);
        claimTimes.push(performance.now() - before);
        await session.finish(works, finishJob.with(params));
        watch.count(works.length);
      }
    }

    async function worker(watch: ReturnType<typeof stopwatch>) {
      const source = rotating(BUCKETS, (buckets) => claimJob.with({ buckets }));
      const change = finishJob.with(params);
      watch.start();
      while (!watch.over) {
        const before = performance.now();
        const works = await session.claim(source, { wanted: batch });
        claimTimes.push(performance.now() - before);
        await session.finish(works, change);
        watch.count(works.length);
      }
    }

    async function fusedWorker(watch: ReturnType<typeof stopwatch>) {
      const change = finishJob.with(params);
      const buckets = Array.from({ length: BUCKETS }, (_, i) => BigInt(i));
      let at = Math.floor(Math.random() * BUCKETS);
      let works: readonly Work[] = [];
      watch.start();
      while (!watch.over) {
        const next = claimJob.with({ buckets: [buckets[at]!] });
        const done = works;
        works =
          done.length > 0
            ? await session.finish(done, change, { claim: next, wanted: batch })
            : await session.claim(next, { wanted: batch });
        watch.count(done.length);
        if (works.length < batch) at = (at + 1) % BUCKETS;
      }
      await session.finish(works, change);
    }

    return {
      name: 'holdfast',
      async fill(backlog) {
        let missing = backlog - Number((await openJobs(db)).jobs);
        while (missing > 0) {
          const page = Array.from({ length: Math.min(missing, 5_000) }, () => randomUUID());
          await insertJob(
            db,
            page.map((jobId) => ({ jobId, bucket: bucketOf(jobId, BUCKETS) })),
          );
          missing -= page.length;
        }
        if (db.engine.system === 'cockroachdb') return;
        for (const text of ['VACUUM (ANALYZE)', 'CHECKPOINT']) await db.execute({ text, values: [] });
      },
      async run(jobs, workers) {
        const watch = stopwatch(jobs);
        const run = { shared: sharingWorker, fused: fusedWorker, 'claim and finish': worker }[mode];
        await Promise.all(Array.from({ length: workers }, () => run(watch)));
        return watch.rate;
      },
      claimTimes: () => claimTimes.splice(0),
      close: () => db.close(),
    };
  };
}
