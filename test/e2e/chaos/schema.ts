import type { Database } from '../../../src/index.ts';
import { rows } from '../../support/sql.ts';

/**
 * What the workers work on, and what they write down. `seq` counts the protected transactions of a job; since
 * each increments it in the job's own row, it is their order of commit.
 */
export async function createChaosSchema(db: Database, jobs: number, rounds: number): Promise<void> {
  await rows(
    db,
    'CREATE TABLE job (job_id TEXT PRIMARY KEY, round INT8 NOT NULL, wanted INT8 NOT NULL, seq INT8 NOT NULL)',
  );
  await rows(
    db,
    `CREATE TABLE observation (job_id TEXT NOT NULL, seq INT8 NOT NULL, token INT8 NOT NULL, session_id UUID NOT NULL,
       kind TEXT NOT NULL, PRIMARY KEY (job_id, seq))`,
  );
  for (let i = 0; i < jobs; i++) {
    await rows(
      db,
      'INSERT INTO job VALUES ($1, 0, $2::INT8, 0)',
      `job-${String(i).padStart(3, '0')}`,
      String(rounds),
    );
  }
}
