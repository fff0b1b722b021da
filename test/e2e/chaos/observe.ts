import { type Executor, sql, type Work } from '../../../src/index.ts';
import { Heartbeats, type LiveSession } from '../../../src/sessions/index.ts';
import type { Invariant } from './face.ts';

/**
 * What every face writes down, in the transactions that it protects. `seq` counts them by target; since each increments it
 * in one row, it is their order of commit.
 */
export const OBSERVATION_SCHEMA = [
  'CREATE TABLE chaos_target (face TEXT NOT NULL, target TEXT NOT NULL, seq INT8 NOT NULL, PRIMARY KEY (face, target))',
  // Without a key: what was done twice must show.
  `CREATE TABLE chaos_observation (face TEXT NOT NULL, target TEXT NOT NULL, seq INT8 NOT NULL, kind TEXT NOT NULL,
     token INT8 NOT NULL, session_id UUID NOT NULL, event TEXT NOT NULL, number INT8, detail TEXT, pause_ms INT8,
     left_ms INT8, process TEXT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp())`,
  'CREATE INDEX chaos_observation_target ON chaos_observation (face, target, seq)',
  // What the conductor has seen of the processes.
  `CREATE TABLE chaos_error (process TEXT NOT NULL, during TEXT NOT NULL, error TEXT NOT NULL, is_classified BOOL NOT NULL,
     message TEXT NOT NULL)`,
  'CREATE TABLE chaos_drain (process TEXT NOT NULL, at_rest BOOL NOT NULL, ended TEXT NOT NULL, connections INT8 NOT NULL)',
  'CREATE TABLE chaos_death (session_id UUID NOT NULL PRIMARY KEY, at TIMESTAMPTZ NOT NULL)',
];

/** What is written down beside who wrote it. */
export interface Observed {
  readonly event: string;
  readonly number?: bigint | undefined;
  readonly detail?: string | undefined;
  readonly pauseMs?: number | undefined;
}

let processName = '';

/** Sessions of this process as their own clock sees them. */
const sessions = new Map<string, LiveSession>();

/** From now on observations carry this name, and how much time was left to their session. */
export function observeAs(name: string): void {
  processName = name;
  const { add } = Heartbeats.prototype;
  Heartbeats.prototype.add = function (this: Heartbeats, session: LiveSession) {
    sessions.set(session.id, session);
    add.call(this, session);
  };
}

/** Call it in the transaction that it is about. */
export async function observe(on: Executor, face: string, work: Work, observed: Observed): Promise<void> {
  const until = sessions.get(work.sessionId)?.aliveUntil;
  const leftMs = until === undefined ? null : BigInt(Math.floor(until - performance.now()));
  const { event, number = null, detail = null, pauseMs } = observed;
  await on.execute(sql`WITH one AS (
      INSERT INTO chaos_target AS t (face, target, seq) VALUES (${face}, ${work.target}, 1)
      ON CONFLICT (face, target) DO UPDATE SET seq = t.seq + 1
      RETURNING seq
    )
    INSERT INTO chaos_observation (face, target, seq, kind, token, session_id, event, number, detail, pause_ms, left_ms, process)
    SELECT ${face}, ${work.target}, seq, ${work.kind}, ${work.token}, ${work.sessionId}, ${event}, ${number}, ${detail},
      ${pauseMs === undefined ? null : BigInt(pauseMs)}, ${leftMs}, ${processName}
    FROM one`);
}

/** Claims of all kinds that targets have, each with its end if it has one. */
const CLAIMS = `(
  SELECT target, kind, token, session_id, started_at, ended_at, event FROM holdfast.ended_work
  UNION ALL
  SELECT target, kind, token, holder, started_at, NULL::TIMESTAMPTZ, NULL::TEXT FROM holdfast.work
  WHERE holder IS NOT NULL AND kind NOT LIKE 'group:%'
)`;

const IN_ORDER = `(
  SELECT face, target, kind, seq, token, lag(token) OVER (PARTITION BY face, target, kind ORDER BY seq) AS before
  FROM chaos_observation
)`;

const HOLDERS = `(
  SELECT target, kind, token, started_at, lag(ended_at) OVER (PARTITION BY target, kind ORDER BY token) AS before,
    lag(token) OVER (PARTITION BY target, kind ORDER BY token) AS token_before
  FROM ${CLAIMS} AS c
)`;

const EVICTED = `(
  SELECT session_id, min(ended_at) AS at FROM holdfast.ended_work WHERE event = 'abandoned' GROUP BY session_id
)`;

/** What holds for every face; the numbers are those of the requirements' list. */
export const COMMON_INVARIANTS: readonly Invariant[] = [
  {
    name: '1: tokens are handed out one by one',
    broken: `SELECT target, kind, token_before, token FROM ${HOLDERS} AS h WHERE token <> token_before + 1`,
    exercised: `SELECT count(*) FROM ${HOLDERS} AS h WHERE token_before IS NOT NULL`,
  },
  {
    name: '1: a target has one holder at a time',
    broken: `SELECT target, kind, token, before, started_at FROM ${HOLDERS} AS h
      WHERE token_before IS NOT NULL AND (before IS NULL OR before > started_at)`,
    exercised: `SELECT count(*) FROM ${HOLDERS} AS h WHERE token_before IS NOT NULL`,
  },
  {
    name: '2: tokens never fall along the order of commits',
    broken: `SELECT face, target, kind, seq, before, token FROM ${IN_ORDER} AS o WHERE token < before`,
    exercised: `SELECT count(*) FROM ${IN_ORDER} AS o WHERE token > before`,
  },
  {
    name: '2: every write carries the token of the session that was given it',
    broken: `SELECT o.face, o.target, o.seq, o.token, o.session_id FROM chaos_observation AS o
      WHERE NOT EXISTS (SELECT 1 FROM holdfast.ended_work AS e
          WHERE e.target = o.target AND e.kind = o.kind AND e.token = o.token AND e.session_id = o.session_id)
        AND NOT EXISTS (SELECT 1 FROM holdfast.work AS w
          WHERE w.target = o.target AND w.kind = o.kind AND w.token = o.token AND w.holder = o.session_id)`,
    exercised: 'SELECT count(*) FROM chaos_observation',
  },
  {
    name: '3: a session that was taken over from ends and writes nothing any more',
    broken: `SELECT e.session_id, e.target, e.kind, e.token, e.event FROM holdfast.ended_work AS e
        JOIN ${EVICTED} AS v ON v.session_id = e.session_id WHERE e.event <> 'abandoned' AND e.ended_at > v.at
      UNION ALL
      SELECT o.session_id, o.target, o.kind, o.token, o.event FROM chaos_observation AS o
        JOIN ${EVICTED} AS v ON v.session_id = o.session_id WHERE o.at > v.at`,
    exercised: `SELECT count(*) FROM ${EVICTED} AS v`,
  },
  {
    name: '5: nothing is written when the session is over by its own clock',
    broken: 'SELECT face, target, seq, process, left_ms FROM chaos_observation WHERE left_ms < 0',
    exercised: 'SELECT count(*) FROM chaos_observation WHERE left_ms IS NOT NULL',
  },
  {
    name: '12: no error reaches a program that it cannot tell what to do about',
    broken: 'SELECT process, during, error, message FROM chaos_error WHERE NOT is_classified',
    exercised: 'SELECT count(*) FROM chaos_error',
  },
  {
    name: '13: a process that is asked to stop exits by itself',
    broken: "SELECT process, ended FROM chaos_drain WHERE ended <> '0'",
    exercised: 'SELECT count(*) FROM chaos_drain',
  },
  {
    name: '13: after a drain nothing is held and no connection is open',
    atRest: true,
    broken: `SELECT target, kind, session_id::TEXT FROM holdfast.active_work
      UNION ALL SELECT component, instance, session_id::TEXT FROM holdfast.live_session
      UNION ALL SELECT process, 'connections', connections::TEXT FROM chaos_drain WHERE at_rest AND connections > 0`,
    exercised: 'SELECT count(*) FROM chaos_drain WHERE at_rest',
  },
];
