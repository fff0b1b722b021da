import { setTimeout as delay } from 'node:timers/promises';
import { type Backoff, type Database, runControlLoop, sql, type Work } from '../../../../src/index.ts';
import { type ChaosFace, ChaosFailure, type Surroundings } from '../face.ts';
import { noExpiryCheck, noFence, noProofAtAll, noTokenCheck } from '../mutations.ts';
import { observe } from '../observe.ts';

const KIND = 'chaos';
const JOBS = 24;
const BACKOFF: Backoff = { initialMs: 1_000, maximumMs: 4_000, exponent: 2 };
/** Rounds that a job may be behind. */
const MOST_WANTED = 3;
const MOST_LATE_MS = 2_000;

const FINISHES = `(
  SELECT target, count(*) AS finished FROM holdfast.ended_work WHERE kind = '${KIND}' AND event = 'finished' GROUP BY target
)`;

const FAILURES = `(
  SELECT o.target, o.token, o.pause_ms, o.detail::TIMESTAMPTZ AS failed_at,
    (SELECT min(c.started_at) FROM (
      SELECT e.started_at FROM holdfast.ended_work AS e
        WHERE e.target = o.target AND e.kind = o.kind AND e.token = o.token + 1
      UNION ALL
      SELECT w.started_at FROM holdfast.work AS w
        WHERE w.target = o.target AND w.kind = o.kind AND w.token = o.token + 1 AND w.holder IS NOT NULL) AS c) AS next_at
  FROM chaos_observation AS o WHERE o.face = 'work' AND o.event = 'failed'
)`;

/** Sessions and work: control loops over a table of jobs, each of which is done as often as it is wanted. */
export const face: ChaosFace = {
  name: 'work',
  kinds: KIND,
  schema: [
    'CREATE TABLE chaos_job (target TEXT NOT NULL PRIMARY KEY, round INT8 NOT NULL, wanted INT8 NOT NULL)',
    `INSERT INTO chaos_job SELECT 'job-' || n::TEXT, 0, 1 FROM generate_series(1, ${JOBS}) AS g (n)`,
  ],
  work: (surroundings) => {
    const { db, name, intervalMs, pollIntervalMs, onError } = surroundings;
    const loop = runControlLoop(db, {
      parallelism: 3,
      component: 'chaos work',
      instance: name,
      intervalMs,
      pollIntervalMs,
      backoff: BACKOFF,
      source: {
        kind: KIND,
        candidates: async (tx, wanted) => {
          const { rows } =
            await tx.execute(sql`SELECT target FROM chaos_job WHERE round < wanted AND NOT EXISTS (
              SELECT 1 FROM holdfast.unavailable_work AS u WHERE u.kind = ${KIND} AND u.target = chaos_job.target)
            ORDER BY round, md5(target || ${name}) LIMIT ${wanted + 2}::INT8`);
          return rows.map(([target]) => target!);
        },
      },
      handle: (work) => handle(work, surroundings),
      onError,
    });
    return [loop];
  },
  feed: async ({ db, random }) => {
    const targets = Array.from({ length: 4 }, () => `job-${random.integer(1, JOBS)}`).sort();
    await db.transact(
      (tx) =>
        tx.execute(sql`INSERT INTO chaos_job AS j SELECT DISTINCT t.target, 0, 1 FROM unnest(${targets}::TEXT[]) AS t (target)
        ON CONFLICT (target) DO UPDATE SET wanted = LEAST(j.wanted + 1, j.round + ${MOST_WANTED}::INT8)`),
      { deadlineMs: 10_000 },
    );
  },
  left: 'SELECT sum(wanted - round) FROM chaos_job',
  done: "SELECT 'jobs done', sum(round) FROM chaos_job",
  invariants: [
    {
      name: '6: each finish is applied once',
      broken: `SELECT j.target, j.round, f.finished FROM chaos_job AS j LEFT JOIN ${FINISHES} AS f ON f.target = j.target
        WHERE j.round <> COALESCE(f.finished, 0)`,
      exercised: 'SELECT sum(round) FROM chaos_job',
    },
    {
      name: '6: each finish is recorded once',
      broken: `SELECT target, token, count(*) FROM chaos_observation WHERE face = 'work' AND event = 'finished'
          GROUP BY target, token HAVING count(*) > 1
        UNION ALL
        SELECT j.target, j.round, count(o.target) FROM chaos_job AS j
          LEFT JOIN chaos_observation AS o ON o.face = 'work' AND o.target = j.target AND o.event = 'finished'
          GROUP BY j.target, j.round HAVING count(o.target) <> j.round`,
      exercised: "SELECT count(*) FROM chaos_observation WHERE face = 'work' AND event = 'finished'",
    },
    {
      name: '6, 8: no work is lost, and all of it is done',
      atRest: true,
      broken: 'SELECT target, round, wanted FROM chaos_job WHERE round <> wanted',
      exercised: 'SELECT sum(wanted) FROM chaos_job',
    },
    {
      name: '7: nothing is claimed before its backoff is over',
      broken: `SELECT target, token, failed_at, next_at, pause_ms FROM ${FAILURES} AS f
        WHERE next_at < failed_at + pause_ms * INTERVAL '1 millisecond'`,
      exercised: `SELECT count(*) FROM ${FAILURES} AS f WHERE next_at IS NOT NULL`,
    },
    {
      name: '7: each backoff is within its bounds',
      broken: `SELECT target, token, pause_ms FROM ${FAILURES} AS f
        WHERE pause_ms NOT BETWEEN ${BACKOFF.initialMs} AND ${BACKOFF.maximumMs}`,
      exercised: `SELECT count(*) FROM ${FAILURES} AS f`,
    },
  ],
  mutations: {
    'no token check': noTokenCheck,
    'no expiry check': noExpiryCheck,
    'no expiry check and no fence': noFence,
    'no proof at all': noProofAtAll,
  },
};

async function handle(work: Work, { db, random }: Surroundings): Promise<void> {
  await work.transact((tx) => observe(tx, face.name, work, { event: 'checkpoint' }));
  await delay(random.integer(0, 150));
  const chance = random.integer(1, 20);
  if (chance === 1) throw new ChaosFailure('thrown on purpose');
  if (chance === 2) return failWithBackoff(work);
  if (chance <= 4) return writeBehindItsEnd(db, work);
  await work.finish(async (tx) => {
    await tx.execute(sql`INSERT INTO chaos_job AS j VALUES (${work.target}, 0, 1)
      ON CONFLICT (target) DO UPDATE SET round = j.round + 1`);
    await observe(tx, face.name, work, { event: 'finished' });
  });
}

/** Writes down, in the transaction of the failure, when it was and for how long it keeps others away. */
async function failWithBackoff(work: Work): Promise<void> {
  await work.transact(async (tx) => {
    await work.fail('on purpose', { backoff: BACKOFF });
    const { rows } = await tx.execute(
      sql`SELECT now(), round(extract(epoch FROM not_before - now()) * 1000)::INT8 FROM holdfast.work
        WHERE target = ${work.target} AND kind = ${work.kind}`,
    );
    const [at, pauseMs] = rows[0]!;
    await observe(tx, face.name, work, { event: 'failed', detail: at!, pauseMs: Number(pauseMs) });
  });
}

/** Its session lives, and it has given the work up while a transaction of it is open: only the token tells. */
async function writeBehindItsEnd(db: Database, work: Work): Promise<void> {
  const begun = Promise.withResolvers<void>();
  const late = work.transact(async (tx) => {
    begun.resolve();
    await takenBySomebodyElse(db, work);
    await observe(tx, face.name, work, { event: 'late' });
  });
  const refused = late.catch(() => {});
  await Promise.race([begun.promise, refused]);
  await work.cancel();
  await refused;
}

/** Waits until the next holder has written something down, but not for ever: everybody may do the same. */
async function takenBySomebodyElse(db: Database, { kind, target, token }: Work): Promise<void> {
  for (const until = performance.now() + MOST_LATE_MS; performance.now() < until; await delay(20)) {
    const { rows } = await db.guardedWithin(MOST_LATE_MS).execute(
      sql`SELECT 1 FROM chaos_observation WHERE face = ${face.name} AND target = ${target} AND kind = ${kind}
        AND token > ${token} LIMIT 1`,
    );
    if (rows.length > 0) return;
  }
}
