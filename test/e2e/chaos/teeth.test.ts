import { describe, expect, test } from 'vitest';
import { connect } from '../../../src/index.ts';
import { Child } from '../../support/child.ts';
import { claimOne } from '../../support/claim.ts';
import { createTestDatabase, waitFor } from '../../support/database.ts';
import { rows } from '../../support/sql.ts';
import { violations } from './invariants.ts';
import { createChaosSchema } from './schema.ts';

const WORKER = new URL('./worker.ts', import.meta.url);
const INTERVAL_MS = 600;

/** A worker is stopped while it holds a job, the job is taken over and worked on, the worker is continued. */
async function zombieRun(mutation: string | undefined): Promise<string[]> {
  const database = await createTestDatabase();
  await using db = await connect({ url: database.url });
  await createChaosSchema(db, 1, 1_000);
  await using worker = new Child(WORKER, [database.url, 'pg', String(INTERVAL_MS), '2000'], {
    CHAOS_QUIET: '1',
    ...(mutation === undefined ? {} : { CHAOS_MUTATION: mutation }),
  });
  await worker.line();
  const [, , token] = (await worker.line()).split(' ');
  await waitFor(async () => (await rows(db, 'SELECT seq FROM job'))[0]![0] !== '0');
  worker.signal('SIGSTOP');
  const heir = await db.startSession({ component: 'heir' });
  const work = await waitFor(() => claimOne(heir, 'chaos', () => ['job-000']));
  expect(work.token).toBe(BigInt(token!) + 1n);
  await work.transact(async (tx) => {
    const [row] = await rows(tx, "UPDATE job SET seq = seq + 1 WHERE job_id = 'job-000' RETURNING seq");
    await rows(
      tx,
      "INSERT INTO observation VALUES ('job-000', $1::INT8, $2::INT8, $3::UUID, 'checkpoint')",
      row![0]!,
      String(work.token),
      heir.id,
    );
  });
  worker.signal('SIGCONT');
  // It goes on with what it believes to hold; then it looks for more, or drains.
  worker.signal('SIGTERM');
  await worker.exited;
  const broken = await violations(db, { atRest: false });
  await heir.close().catch(() => {});
  return broken;
}

describe('the invariants have teeth', { timeout: 90_000 }, () => {
  test('with every protection in place a continued zombie breaks none', async () => {
    expect(await zombieRun(undefined)).toEqual([]);
  });

  test('without the expiry check alone the fence still holds', async () => {
    expect(await zombieRun('no expiry')).toEqual([]);
  });

  test('without expiry check and fence the token still holds', async () => {
    expect(await zombieRun('no expiry, no fence')).toEqual([]);
  });

  test('without any of the three the invariants notice', async () => {
    const broken = await zombieRun('no expiry, no fence, no token');
    expect(broken.join('\n')).toMatch(/tokens never fall|each finish|at most once/);
  });
});
