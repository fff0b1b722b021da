// A queue: `node main.ts` puts jobs in and works on them; start it several times with the same DATABASE_URL, kill some.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { bucketOf, connect, migrate, rotating, runControlLoop } from '../../src/index.ts';
import { claimJob, finishJob, insertJob, openJobs } from './generated/job.ts';

const BUCKETS = 64;
const jobs = Number(process.argv[2] ?? 1_000);

await using db = await connect(); // DATABASE_URL, or an embedded PostgreSQL
await migrate(db.url, { sets: ['holdfast', fileURLToPath(new URL('./schema/queue', import.meta.url))] });

const ids = Array.from({ length: jobs }, () => randomUUID());
await insertJob(
  db,
  ids.map((jobId) => ({ jobId, bucket: bucketOf(jobId, BUCKETS) })),
);

const drained = Promise.withResolvers<void>();
const started = performance.now();
let done = 0;
const loop = runControlLoop(db, {
  source: rotating(BUCKETS, (buckets) => claimJob.with({ buckets })),
  component: `worker-${process.pid}`,
  parallelism: 8,
  handle: async (work) => {
    // What the job is about goes here; its result goes into the change below.
    await work.finish(finishJob.with({ doneBy: `worker-${process.pid}` }));
    done++;
    if ((await isEmpty()) && loop.state.ready === 0) drained.resolve();
  },
  onError: (error, during) => console.error(during, error),
});

let looked = 0;
/** Asks the database once in a while. */
async function isEmpty(): Promise<boolean> {
  if (done < jobs && performance.now() - looked < 500) return false;
  looked = performance.now();
  return (await openJobs(db)).jobs === 0n;
}

process.once('SIGTERM', () => drained.resolve());
await drained.promise;
await loop.stop();
console.log(`${done} jobs done in ${Math.round(performance.now() - started)} ms`);
