// A worker process of the chaos runs: a control loop over jobs, until SIGTERM.
import { setTimeout as delay } from 'node:timers/promises';
import type { Transaction } from '../../../src/index.ts';
import {
  connect,
  LeaseLostError,
  runControlLoop,
  SessionExpiredError,
  type Work,
} from '../../../src/index.ts';
import { rows } from '../../support/sql.ts';
import { mutate } from './mutations.ts';

const [url, driver, intervalMs, busyMs] = process.argv.slice(2) as [
  string,
  'pg' | 'postgres',
  string,
  string,
];
const mutation = process.env['CHAOS_MUTATION'];
if (mutation) mutate(mutation);

const db = await connect({ url, driver, applicationName: 'chaos-worker', pool: { max: 4 } });

const observe = (work: Work, sessionId: string, kind: string) => async (tx: Transaction) => {
  const [row] = await rows(
    tx,
    'UPDATE job SET seq = seq + 1, round = round + $2::INT8 WHERE job_id = $1 RETURNING seq',
    work.target,
    kind === 'finish' ? '1' : '0',
  );
  await rows(
    tx,
    'INSERT INTO observation VALUES ($1, $2::INT8, $3::INT8, $4::UUID, $5)',
    work.target,
    row![0]!,
    String(work.token),
    sessionId,
    kind,
  );
};

const loop = runControlLoop(db, {
  parallelism: 3,
  intervalMs: Number(intervalMs),
  pollIntervalMs: 100,
  backoff: { initialMs: 1_000 },
  source: {
    kind: 'chaos',
    candidates: async (tx, wanted) =>
      (
        await rows(
          tx,
          `SELECT job_id FROM job WHERE round < wanted AND NOT EXISTS (
           SELECT 1 FROM holdfast.unavailable_work u WHERE u.kind = 'chaos' AND u.target = job_id)
         ORDER BY round, md5(job_id || $2) LIMIT $1::INT8`,
          String(wanted + 2),
          String(process.pid),
        )
      ).map(([id]) => id!),
  },
  handle: async (work) => {
    // The holder as the work itself knows it: a stopped process must not learn of a newer session.
    const sessionId = loop.state.sessionId!;
    process.stdout.write(`working ${work.target} ${work.token}\n`);
    await work.transact(observe(work, sessionId, 'checkpoint'));
    await delay(Math.random() * Number(busyMs));
    await work.finish(observe(work, sessionId, 'finish'));
  },
  onError: (error, during) => {
    if (error instanceof SessionExpiredError || error instanceof LeaseLostError) return;
    process.stderr.write(`${process.env['CHAOS_QUIET'] ? '' : `${during}: ${error}\n`}`);
  },
});
process.stdout.write('ready\n');
process.once('SIGTERM', async () => {
  await loop.stop({ graceMs: 5_000 });
  await db.close();
  process.stdout.write('drained\n');
});
