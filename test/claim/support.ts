import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { insertJob } from '../../examples/queue/generated/job.ts';
import { bucketOf, type Database } from '../../src/index.ts';
import { rows } from '../support/sql.ts';

export const BUCKETS = 64;

/** The example's table, in a test's database. */
export async function createQueue(db: Database): Promise<void> {
  const file = new URL('../../examples/queue/schema/queue/0001_job.up.sql', import.meta.url);
  const statements = (await readFile(file, 'utf8')).split(';').filter((text) => /\b(CREATE)\b/.test(text));
  for (const statement of statements) await rows(db, statement);
}

/** New jobs; their ids in no order. */
export async function addJobs(db: Database, count: number, bucket?: bigint): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  for (let at = 0; at < ids.length; at += 5_000) {
    const page = ids.slice(at, at + 5_000);
    await insertJob(
      db,
      page.map((jobId) => ({ jobId, bucket: bucket ?? bucketOf(jobId, BUCKETS) })),
    );
  }
  return ids;
}

/** Events of a process, as how often each stands in the history. */
export async function eventCounts(db: Database, kind: string): Promise<Record<string, number>> {
  const counted = await rows(
    db,
    'SELECT event, count(*) FROM holdfast.work_history WHERE kind = $1 GROUP BY event',
    kind,
  );
  return Object.fromEntries(counted.map(([event, count]) => [event!, Number(count)]));
}
