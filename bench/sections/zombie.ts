import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { claimJob, finishJob, insertJob } from '../../examples/queue/generated/job.ts';
import { connect } from '../../src/index.ts';
import type { BenchServer } from '../support/server.ts';
import { graphileWorker } from './queue-graphile-worker.ts';
import { holdfastQueue } from './queue-holdfast.ts';
import { openBoss } from './queue-pg-boss.ts';

export interface ZombieVerdict {
  readonly system: string;
  /** The first holder, after another took its job over, completed it all the same. */
  readonly completedLostJob: boolean;
  readonly seen: string;
}

/**
 * A worker stalls, its lock runs out, another worker takes the job over, the first one wakes up and completes
 * it while the second is still at work. Who lets it?
 */
export async function zombie(server: BenchServer): Promise<ZombieVerdict[]> {
  return [
    await holdfast(server),
    await graphile(server),
    await boss(server, 'pg-boss, complete(id)', (job) => job.id),
    await boss(server, 'pg-boss, complete({ id, retryCount })', ({ id, retryCount }) => ({ id, retryCount })),
  ];
}

async function holdfast(server: BenchServer): Promise<ZombieVerdict> {
  const url = await server.database('zombie_holdfast', { ours: true });
  await (await holdfastQueue('claim and finish')(url, 1)).close();
  await using db = await connect({ url });
  const stalled = await db.startSession({ component: 'stalled', intervalMs: 60_000 });
  const heir = await db.startSession({ component: 'heir', intervalMs: 60_000 });
  await insertJob(db, [{ jobId: randomUUID(), bucket: 0n }]);
  const lost = await stalled.claim(claimJob.with({ buckets: [0n] }));
  await server.run(
    url,
    `UPDATE holdfast.session_deadline SET deadline = now() WHERE session_id = '${stalled.id}'`,
  );
  await heir.claim(claimJob.with({ buckets: [0n] }));
  const refused = await stalled.finish(lost, finishJob.with({ doneBy: 'stalled' })).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
  const { rows } = await server.run(url, 'SELECT done_by FROM job');
  const completedLostJob = refused === undefined || rows[0].done_by !== null;
  return { system: 'holdfast', completedLostJob, seen: `refused with ${refused}; the job is untouched` };
}

async function graphile(server: BenchServer): Promise<ZombieVerdict> {
  const url = await server.database('zombie_graphile');
  const { run, runMigrations, quiet } = await graphileWorker();
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  await runMigrations({ pgPool: pool, logger: quiet });
  const start = (task: () => Promise<void>) =>
    run({
      pgPool: pool,
      logger: quiet,
      concurrency: 1,
      noHandleSignals: true,
      pollInterval: 50,
      taskList: { job: task },
    });
  const stalledHas = Promise.withResolvers<void>();
  const stalledWakes = Promise.withResolvers<void>();
  const heirHas = Promise.withResolvers<void>();
  const heirEnds = Promise.withResolvers<void>();
  await pool.query("SELECT graphile_worker.add_job('job')");
  const stalled = await start(async () => {
    stalledHas.resolve();
    await stalledWakes.promise;
  });
  await stalledHas.promise;
  // As after four hours, its time for a lock.
  await pool.query("UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '5 hours'");
  const heir = await start(async () => {
    heirHas.resolve();
    await heirEnds.promise;
  });
  await heirHas.promise;
  stalledWakes.resolve();
  await stalled.stop();
  const { rows } = await pool.query('SELECT count(*)::INT AS n FROM graphile_worker._private_jobs');
  heirEnds.resolve();
  await heir.stop();
  await pool.end();
  const gone = rows[0].n === 0;
  return {
    system: 'graphile-worker',
    completedLostJob: gone,
    seen: gone
      ? 'the job was deleted while its second holder was at work'
      : 'the job was still there for its second holder',
  };
}

async function boss(
  server: BenchServer,
  system: string,
  completion: (job: { id: string; retryCount: number }) => unknown,
): Promise<ZombieVerdict> {
  const url = await server.database(`zombie_boss_${system.length}`);
  const boss = await openBoss(url, 4);
  await boss.createQueue('job', { retryLimit: 5 });
  const id = (await boss.send('job', {}, { expireInSeconds: 60, retryLimit: 5, retryDelay: 0 }))!;
  const fetched = () => boss.fetch('job', { batchSize: 1, includeMetadata: true });
  const [lost] = await fetched();
  // As after a minute, the time that was asked for.
  await server.run(url, "UPDATE pgboss.job SET started_on = now() - interval '5 minutes'");
  await boss.supervise('job');
  let heir: { id: string } | undefined;
  for (let tries = 0; tries < 200 && !heir; tries++) {
    [heir] = await fetched();
    if (!heir) await boss.supervise('job');
  }
  if (!heir) throw new Error(`${system}: the job was not taken over`);
  await boss.complete('job', completion(lost!)).catch(() => undefined);
  const [job] = await boss.findJobs('job', { id });
  await boss.stop({ graceful: false });
  const completedLostJob = job?.state === 'completed';
  return {
    system,
    completedLostJob,
    seen: completedLostJob
      ? 'the job was completed while its second holder was at work'
      : `the job stayed ${job?.state} for its second holder`,
  };
}
