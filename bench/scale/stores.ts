import { readFile } from 'node:fs/promises';
import { claimJob, finishJob } from '../../examples/queue/generated/job.ts';
import { connect, type Database, rotating, type Session, type Work } from '../../src/index.ts';
import { BUCKETS } from '../sections/queue-holdfast.ts';
import type { BenchServer } from '../support/server.ts';

/** A database of one size, with a queue of jobs and a session that works on it. */
export interface Store extends AsyncDisposable {
  readonly size: number;
  readonly url: string;
  readonly db: Database;
  readonly session: Session;
  /** Claims one job, and finishes it. */
  claimed(): Promise<Work>;
  finished(work: Work): Promise<void>;
}

const WAITING = 4_000;

/** `fill` fills it, before its statistics are taken. */
export async function openStore(
  server: BenchServer,
  name: string,
  size: number,
  fill: readonly string[],
): Promise<Store> {
  const url = await server.database(`${name}_${size}`, { ours: true });
  const schema = new URL('../../examples/queue/schema/queue/0001_job.up.sql', import.meta.url);
  await server.run(
    url,
    await readFile(schema, 'utf8'),
    `INSERT INTO job (job_id, bucket) SELECT gen_random_uuid(), floor(random() * ${BUCKETS})::INT8 FROM generate_series(1, ${WAITING})`,
    ...fill,
    'VACUUM (ANALYZE)',
    'CHECKPOINT',
  );
  const db = await connect({ url });
  const session = await db.startSession({ component: 'bench', intervalMs: 600_000 });
  const source = rotating(BUCKETS, (buckets) => claimJob.with({ buckets }));
  const change = finishJob.with({ doneBy: 'bench' });
  return {
    size,
    url,
    db,
    session,
    claimed: async () => {
      for (;;) {
        const [work] = await session.claim(source);
        if (work) return work;
      }
    },
    finished: async (work) => {
      await session.finish([work], change);
    },
    [Symbol.asyncDispose]: async () => {
      await db.close();
      await server.run(server.adminUrl, `DROP DATABASE ${name}_${size}`);
    },
  };
}
