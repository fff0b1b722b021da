import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { claimJob, finishJob, insertJob, openJobs } from '../../examples/queue/generated/job.ts';
import { bucketOf, connect, rotatingSlice, sharedSlice, type Work } from '../../src/index.ts';
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
    const schema = new URL('../../examples/queue/schema/0001_job.up.sql', import.meta.url);
    for (const text of (await readFile(schema, 'utf8')).split(';'))
      if (/^\s*CREATE/m.test(text)) await db.execute({ text, values: [] });
    const claimTimes: number[] = [];
    const params = { doneBy: 'bench' };

    const shared = sharedSlice(BUCKETS, async (buckets, wanted) => {
      const before = performance.now();
      const found = await session.claim(claimJob, { buckets, wanted });
      claimTimes.push(performance.now() - before);
      return found;
    });
    async function sharingWorker(watch: ReturnType<typeof stopwatch>) {
      watch.start();
      while (!watch.over) {
        const works = await shared.take();
        await session.finish(finishJob, works, params, { share: true });
        watch.count(works.length);
      }
    }

    async function worker(watch: ReturnType<typeof stopwatch>) {
      const slice = rotatingSlice(BUCKETS);
      let works: readonly Work[] = [];
      watch.start();
      while (!watch.over) {
        const done = works;
        works = await slice.take(async (buckets) => {
          const next = { query: claimJob, params: { buckets, wanted: batch } };
          const before = performance.now();
          const held = done.filter((work) => !work.ended);
          const found =
            mode === 'fused' && held.length > 0
              ? await session.finishAndClaim({ query: finishJob, works: held, params }, next)
              : await session.claim(claimJob, next.params);
          if (mode !== 'fused') claimTimes.push(performance.now() - before);
          return found;
        }, batch);
        if (mode === 'fused') watch.count(done.length);
        else {
          await session.finish(finishJob, works, params);
          watch.count(works.length);
        }
      }
      if (mode === 'fused') await session.finish(finishJob, works, params);
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
        const run = mode === 'shared' ? sharingWorker : worker;
        await Promise.all(Array.from({ length: workers }, () => run(watch)));
        return watch.rate;
      },
      claimTimes: () => claimTimes.splice(0),
      close: () => db.close(),
    };
  };
}
