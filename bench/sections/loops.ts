import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { insertJob } from '../../examples/queue/generated/job.ts';
import { connect } from '../../src/index.ts';
import type { Replica, SystemName } from '../loops/runners.ts';
import { type Figure, figure } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';
import { graphileWorker } from './queue-graphile-worker.ts';
import { BUCKETS } from './queue-holdfast.ts';
import { type Boss, openBoss } from './queue-pg-boss.ts';

export interface LoopRate {
  readonly system: SystemName;
  readonly replicas: number;
  readonly parallel: number;
  /** Jobs a second whose end was committed. */
  readonly rate: Figure;
  /** Write-ahead log a job; undefined where hardly a job was done. */
  readonly walBytes?: Figure;
}

export interface PickUp {
  readonly system: SystemName | 'holdfast, announced';
  /** Milliseconds from a job's commit to its handler, one replica that had nothing to do. */
  readonly ms: Figure;
}

export interface LoopFigures {
  /** Load average of the last minute, before and after. */
  readonly load: readonly [number, number];
  readonly seconds: number;
  readonly rates: readonly LoopRate[];
  readonly pickUp: readonly PickUp[];
}

export const SHAPES = [
  [1, 1],
  [1, 8],
  [2, 8],
  [4, 8],
  [1, 32],
] as const;

const NAMES: readonly SystemName[] = [
  'holdfast',
  'holdfast, no history',
  'holdfast, function',
  'graphile-worker',
  'graphile-worker, best',
  'pg-boss',
  'pg-boss, best',
];

/** A system's database: how jobs come into it, and how many are done. */
interface Store {
  readonly url: string;
  /** Done jobs go, and so many wait. */
  refill(jobs: number): Promise<void>;
  /** Commits one job, as the system's own way to add one does. */
  add(): Promise<void>;
  /** The same, and those who rest are told. */
  announce?(): Promise<void>;
  done(): Promise<number>;
  close(): Promise<void>;
}

const SPREAD = `SELECT gen_random_uuid(), floor(random() * ${BUCKETS})::INT8 FROM generate_series(1, `;

async function openStore(server: BenchServer, system: SystemName, index: number): Promise<Store> {
  const url = await server.database(`loop_${index}`, { ours: true });
  const schema = new URL('../../examples/queue/schema/queue/0001_job.up.sql', import.meta.url);
  await server.run(url, await readFile(schema, 'utf8'));
  if (system === 'holdfast, no history')
    await server.run(url, "INSERT INTO holdfast.kind (kind, keep_finished) VALUES ('job', false)");
  const tidy = ['VACUUM (ANALYZE)', 'CHECKPOINT'];
  if (system.startsWith('graphile')) {
    const { runMigrations, quiet } = await graphileWorker();
    await runMigrations({ connectionString: url, logger: quiet });
    const insert = (jobs: number) => `WITH made AS (
        INSERT INTO job (job_id, bucket) ${SPREAD}${jobs}) RETURNING job_id)
      SELECT graphile_worker.add_jobs(ARRAY(SELECT json_populate_record(NULL::graphile_worker.job_spec,
        json_build_object('identifier', 'job', 'payload', json_build_object('id', job_id))) FROM made))`;
    let put = 0;
    return {
      url,
      async refill(jobs) {
        await server.run(
          url,
          'TRUNCATE job',
          'TRUNCATE graphile_worker._private_jobs CASCADE',
          insert(jobs),
          ...tidy,
        );
        put = jobs;
      },
      add: async () => void (await server.run(url, insert(1))),
      async done() {
        const left = await server.run(url, 'SELECT count(*) AS n FROM graphile_worker._private_jobs');
        return put - Number(left.rows[0].n);
      },
      close: async () => {},
    };
  }
  if (system.startsWith('pg-boss')) {
    const boss: Boss = await openBoss(url, 2);
    await boss.createQueue('job');
    const put = async (jobs: number) => {
      const { rows } = await server.run(
        url,
        `INSERT INTO job (job_id, bucket) ${SPREAD}${jobs}) RETURNING job_id`,
      );
      for (let at = 0; at < jobs; at += 5_000)
        await boss.insert(
          'job',
          rows.slice(at, at + 5_000).map(({ job_id: id }) => ({ data: { id } })),
        );
    };
    return {
      url,
      async refill(jobs) {
        await server.run(url, 'TRUNCATE job', 'TRUNCATE pgboss.job CASCADE');
        await put(jobs);
        await server.run(url, ...tidy);
      },
      add: () => put(1),
      async done() {
        const { rows } = await server.run(
          url,
          "SELECT count(*) AS n FROM pgboss.job WHERE name = 'job' AND state = 'completed'",
        );
        return Number(rows[0].n);
      },
      close: () => boss.stop({ graceful: false }),
    };
  }
  const db = await connect({ url });
  return {
    url,
    announce: () =>
      db.transact(async (tx) => {
        await insertJob(tx, [{ jobId: randomUUID(), bucket: 0n }]);
        tx.announce('job');
      }),
    async refill(jobs) {
      await server.run(
        url,
        'TRUNCATE job, holdfast.work, holdfast.ended_work',
        `INSERT INTO job (job_id, bucket) ${SPREAD}${jobs})`,
        ...tidy,
      );
    },
    add: async () => void (await server.run(url, `INSERT INTO job (job_id, bucket) ${SPREAD}1)`)),
    async done() {
      const { rows } = await server.run(url, 'SELECT count(*) AS n FROM job WHERE done_by IS NOT NULL');
      return Number(rows[0].n);
    },
    close: () => db.close(),
  };
}

async function start(replica: Replica, tell = false): Promise<ChildProcess> {
  const child = fork(new URL('../loops/replica.ts', import.meta.url), [JSON.stringify(replica)], {
    env: { ...process.env, ...(tell ? { HOLDFAST_BENCH_TELL: '1' } : {}) },
  });
  const [first] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (first !== 'up') throw new Error(`a replica of ${replica.system} ended before it was up`);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`a replica ended by itself, with ${child.exitCode}`);
  const exit = once(child, 'exit');
  child.send('stop');
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exit;
  clearTimeout(late);
}

/** Jobs a second over some seconds while the queue does not run dry, and bytes of WAL a job. */
async function measureLoop(
  server: BenchServer,
  store: Store,
  replica: Omit<Replica, 'url'>,
  replicas: number,
  seconds: number,
): Promise<{ rate: number; walBytes: number | undefined }> {
  // More than the fastest takes from its start to the second count.
  const backlog = (seconds + 2) * (replica.parallel * replicas === 1 ? 3_000 : 6_000);
  await store.refill(backlog);
  const children = await Promise.all(
    Array.from({ length: replicas }, () => start({ ...replica, url: store.url })),
  );
  try {
    await sleep(1_000);
    const wal = await server.walPosition(store.url);
    const before = await store.done();
    const started = performance.now();
    await sleep(seconds * 1_000);
    const after = await store.done();
    const elapsed = (performance.now() - started) / 1_000;
    const bytes = (await server.walPosition(store.url)) - wal;
    if (after > backlog - 500) throw new Error(`${replica.system}: its queue of ${backlog} ran dry`);
    const jobs = after - before;
    return { rate: jobs / elapsed, walBytes: jobs >= 100 ? bytes / jobs : undefined };
  } finally {
    await Promise.all(children.map(stop));
  }
}

/** From a job's commit to its handler, where there was nothing to do for a while. */
async function pickUp(
  store: Store,
  system: SystemName,
  add: () => Promise<void>,
  samples: number,
): Promise<Figure> {
  await store.refill(0);
  const child = await start({ system, url: store.url, parallel: 1 }, true);
  const found: number[] = [];
  try {
    for (let i = 0; i < samples; i++) {
      // Long enough for the longest pause; uneven, so that it does not keep step with polling.
      await sleep(2_000 + Math.random() * 1_000);
      const told = once(child, 'message') as Promise<[{ at: number }]>;
      await add();
      const added = Date.now();
      const [{ at }] = await told;
      found.push(Math.max(0, at - added));
    }
  } finally {
    await stop(child);
  }
  return figure(found);
}

/** Every system's own runner in every shape; the systems take turns. */
export async function loops(server: BenchServer, runs: number, quick: boolean): Promise<LoopFigures> {
  const seconds = quick ? 1 : 5;
  const loadBefore = Number(loadavg()[0]!.toFixed(2));
  const stores = new Map<SystemName, Store>();
  for (const [index, name] of NAMES.entries()) stores.set(name, await openStore(server, name, index));
  const rates: LoopRate[] = [];
  const idle: PickUp[] = [];
  try {
    for (const [replicas, parallel] of SHAPES) {
      const samples = new Map(NAMES.map((name) => [name, { rates: [] as number[], wal: [] as number[] }]));
      for (let run = 0; run < (quick ? 1 : runs); run++)
        for (let i = 0; i < NAMES.length; i++) {
          const system = NAMES[(i + run) % NAMES.length]!;
          const measured = await measureLoop(
            server,
            stores.get(system)!,
            { system, parallel },
            replicas,
            seconds,
          );
          const sample = samples.get(system)!;
          sample.rates.push(measured.rate);
          if (measured.walBytes !== undefined) sample.wal.push(measured.walBytes);
        }
      const peer = Math.max(
        figure(samples.get('graphile-worker')!.rates).median,
        figure(samples.get('graphile-worker, best')!.rates).median,
      );
      for (const [system, sample] of samples) {
        const rate = figure(sample.rates);
        const walBytes = sample.wal.length > 0 ? figure(sample.wal) : undefined;
        rates.push({ system, replicas, parallel, rate, ...(walBytes ? { walBytes } : {}) });
        const ratio = (rate.median / peer).toFixed(2);
        console.log(
          `  ${replicas} x ${parallel} ${system}: ${rate.median}/s, ${ratio} of graphile-worker's better, ${walBytes ? `${Math.round(walBytes.median)} bytes of WAL a job` : 'hardly a job'}`,
        );
      }
    }
    for (const system of ['holdfast, announced', 'holdfast', 'graphile-worker'] as const) {
      const name = system === 'graphile-worker' ? system : 'holdfast';
      const store = stores.get(name)!;
      const add = system === 'holdfast, announced' ? store.announce! : store.add;
      const ms = await pickUp(store, name, add, quick ? 5 : 20);
      idle.push({ system, ms });
      console.log(`  idle pick-up, ${system}: ${ms.median} ms (${ms.low} to ${ms.high})`);
    }
  } finally {
    for (const store of stores.values()) await store.close();
  }
  return { load: [loadBefore, Number(loadavg()[0]!.toFixed(2))], seconds, rates, pickUp: idle };
}
