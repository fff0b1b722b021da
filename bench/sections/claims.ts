import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { claimJob } from '../../examples/queue/generated/job.ts';
import { connect, rotating, type Work } from '../../src/index.ts';
import { arrayOf, int8, step, text, uuid } from '../../src/runtime.ts';
import { type Figure, figure, rate } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';
import { BUCKETS } from './queue-holdfast.ts';

const WORKERS = 8;
const TARGETS = 200_000;

/** As the compiler writes `-- name: NoteJob :step kind=job` down. */
const noteJob = step<{ doneBy: string }>({
  name: 'NoteJob',
  text: 'UPDATE job SET bucket = bucket + length($1) - length($1) WHERE job_id = ANY($2::UUID[]) RETURNING 1 AS changed',
  kind: 'job',
  operation: 'UPDATE',
  collection: 'job',
  params: [
    ['doneBy', text],
    ['targets', arrayOf(uuid)],
    ['sessionId', uuid],
    ['keyKinds', arrayOf(text)],
    ['keyTargets', arrayOf(text)],
    ['keyTokens', arrayOf(int8)],
    ['refusal', text],
  ],
});

export interface ClaimFigures {
  /** `:step` statements a second of eight workers of one process, and UPDATEs of one row a second beside them. */
  readonly steps: Figure;
  readonly updates: Figure;
  /** Milliseconds a claim of one takes, and its end, by what else is in the tables. */
  readonly among: readonly { readonly what: string; readonly claim: Figure; readonly end: Figure }[];
}

const WAITING = `INSERT INTO job (job_id, bucket) SELECT gen_random_uuid(), floor(random() * ${BUCKETS})::INT8 FROM generate_series(1, `;
/** Half of all jobs were tried: one in two of these backs off, the other is parked. */
const BUSY = `INSERT INTO holdfast.work (kind, target, token, not_before, backoff_seconds, failures, parked)
  SELECT 'job', job_id::TEXT, 1, now() + INTERVAL '1 day', CASE WHEN n % 4 = 0 THEN 60 END,
    CASE WHEN n % 4 = 0 THEN 3 END, CASE WHEN n % 4 = 2 THEN true END
  FROM (SELECT job_id, row_number() OVER () AS n FROM job) AS j WHERE n % 2 = 0`;

/** What a claim, an end and a step cost, whatever else is there. */
export async function claims(server: BenchServer, runs: number, quick: boolean): Promise<ClaimFigures> {
  const url = await server.database('claims', { ours: true });
  const schema = new URL('../../examples/queue/schema/queue/0001_job.up.sql', import.meta.url);
  await server.run(url, await readFile(schema, 'utf8'), `${WAITING}1000)`, 'VACUUM (ANALYZE)');
  await using db = await connect({ url });
  await using session = await db.startSession({ component: 'bench', intervalMs: 600_000 });
  const source = rotating(BUCKETS, (buckets) => claimJob.with({ buckets }));
  const count = quick ? 300 : 2_000;

  const held: Work[] = [];
  while (held.length < WORKERS) held.push(...(await session.claim(source)));
  const clients = await Promise.all(held.map(() => new pg.Client({ connectionString: url })));
  await Promise.all(clients.map((client) => client.connect()));
  const steps: number[] = [];
  const updates: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const change = noteJob.with({ doneBy: 'bench' });
    const stepped = await rate(count * 2, WORKERS, (worker) => held[worker]!.step(change));
    const updated = await rate(count * 2, WORKERS, (worker) =>
      clients[worker]!.query({
        name: 'update',
        text: 'UPDATE job SET bucket = bucket WHERE job_id = $1',
        values: [held[worker]!.target],
      }),
    );
    // The first warms up.
    if (run === 0) continue;
    steps.push(stepped);
    updates.push(updated);
  }
  await session.cancel(held);
  await Promise.all(clients.slice(1).map((client) => client.end()));

  const [snapshot] = clients;
  const among: { what: string; claim: Figure; end: Figure }[] = [];
  const look = async (what: string) => {
    const claimMs: number[] = [];
    const endMs: number[] = [];
    for (let i = 0; i < count; i++) {
      const before = performance.now();
      const works = await session.claim(source);
      const between = performance.now();
      await session.finish(works);
      const after = performance.now();
      // The plans are made in the first ones.
      if (i < count / 10) continue;
      claimMs.push(between - before);
      endMs.push(after - between);
    }
    among.push({ what, claim: middle(claimMs), end: middle(endMs) });
    console.log(`  ${what}: claim ${among.at(-1)!.claim.median} ms, end ${among.at(-1)!.end.median} ms`);
  };
  const refill = (...more: string[]) =>
    server.run(
      url,
      'TRUNCATE job, holdfast.work, holdfast.ended_work',
      `${WAITING}${count + 1_000})`,
      ...more,
      'VACUUM (ANALYZE)',
      'CHECKPOINT',
    );
  await refill();
  await look('little else');
  await refill(`${WAITING}${TARGETS - count - 1_000})`, BUSY);
  await look(`${TARGETS.toLocaleString('en')} targets, half of which back off or are parked`);
  await refill();
  await snapshot!.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM job');
  await look('a snapshot that is held open all the while');
  await snapshot!.query('COMMIT');
  await snapshot!.end();
  return { steps: figure(steps), updates: figure(updates), among };
}

/** The median, and the range from a tenth to nine tenths. */
function middle(samples: readonly number[]): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  const part = sorted.slice(Math.floor(sorted.length * 0.1), Math.ceil(sorted.length * 0.9));
  return { ...figure(part), runs: samples.length };
}
