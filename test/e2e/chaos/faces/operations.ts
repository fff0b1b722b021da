import { setTimeout as delay } from 'node:timers/promises';
import { runControlLoop, type Transaction, type Work } from '../../../../src/index.ts';
import { definePipeline } from '../../../../src/operations/index.ts';
import { rows } from '../../../support/sql.ts';
import { type ChaosFace, ChaosFailure, type Surroundings } from '../face.ts';
import { noProofAtAll, outsideOfTheirTransaction } from '../mutations.ts';
import { observe } from '../observe.ts';

const STAGES = ['upload', 'index', 'backup'] as const;
type Stage = (typeof STAGES)[number];
const TARGETS = 12;
const MOST_READY = 16;

const pipeline = definePipeline({ name: 'chaos-pipeline', operations: STAGES });
const target = (n: number) => `dataset-${n}`;

const MINE = "kind LIKE 'chaos-pipeline:%'";
const ENDED = `(SELECT * FROM chaos_observation WHERE face = 'operations' AND event <> 'message')`;

/**
 * Each claim of an operation, and when those of the same target before it had ended, of whichever operation. One that its
 * worker left is written down as abandoned only when that operation is claimed again: its end says nothing.
 */
const TURNS = `(
  SELECT target, kind, started_at, lag(kind) OVER w AS before,
    max(CASE WHEN event <> 'abandoned' THEN ended_at END) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS free_at
  FROM holdfast.ended_work WHERE ${MINE}
  WINDOW w AS (PARTITION BY target ORDER BY started_at)
)`;

/** A pipeline of three operations, whose generations are asked for while they are worked on. */
export const face: ChaosFace = {
  name: 'operations',
  kinds: 'chaos-pipeline:%',
  schema: [],
  work: (surroundings) => STAGES.map((stage) => loopOf(stage, surroundings)),
  feed: async ({ db, random }) => {
    // As many as come beside each other, so that the queue is never long and never empty.
    const behind = await rows(
      db.guardedWithin(10_000),
      `SELECT target FROM holdfast.operation WHERE ${MINE} AND state = 'READY'`,
    );
    if (behind.length >= MOST_READY) return;
    const stage = random.integer(1, 4) < 4 ? 'upload' : random.pick(STAGES);
    await pipeline.enable(db, target(random.integer(1, TARGETS)), [stage]);
  },
  left: `SELECT count(*) FROM holdfast.operation WHERE ${MINE} AND state = 'READY'`,
  done: `SELECT kind || ' ' || event, count(*) FROM ${ENDED} AS e GROUP BY kind, event ORDER BY 1`,
  invariants: [
    {
      name: '6: each generation ends once',
      broken: `SELECT target, kind, number, count(*) FROM ${ENDED} AS e GROUP BY target, kind, number HAVING count(*) > 1`,
      exercised: `SELECT count(*) FROM ${ENDED} AS e`,
    },
    {
      name: '6: the generations that are done are those whose end was observed',
      broken: `SELECT o.target, o.kind, o.done, count(e.target), max(e.number) FROM holdfast.operation AS o
        LEFT JOIN ${ENDED} AS e ON e.target = o.target AND e.kind = o.kind
        WHERE o.${MINE} GROUP BY o.target, o.kind, o.done
        HAVING o.done <> count(e.target) OR o.done <> COALESCE(max(e.number), 0)`,
      exercised: `SELECT sum(done) FROM holdfast.operation WHERE ${MINE}`,
    },
    {
      name: '6: a hand-over is one commit: what a finish enables is done after it',
      atRest: true,
      broken: `SELECT e.target, e.kind, e.seq, e.detail FROM ${ENDED} AS e
        WHERE e.detail IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM ${ENDED} AS n WHERE n.target = e.target AND n.kind = e.detail AND n.seq > e.seq)`,
      exercised: `SELECT count(*) FROM ${ENDED} AS e WHERE e.detail IS NOT NULL`,
    },
    {
      name: '9: one operation of a target is at work at a time',
      broken: `SELECT target, before, kind, free_at, started_at FROM ${TURNS} AS t WHERE started_at < free_at`,
      exercised: `SELECT count(*) FROM ${TURNS} AS t WHERE before <> kind`,
    },
    {
      name: '10: the row has the state of the last end, or is READY',
      broken: `SELECT o.target, o.kind, o.state, e.event FROM holdfast.operation AS o
        JOIN ${ENDED} AS e ON e.target = o.target AND e.kind = o.kind AND e.number = o.done
        WHERE o.state <> 'READY' AND o.state <> e.event`,
      exercised: `SELECT count(*) FROM holdfast.operation WHERE ${MINE} AND state <> 'READY'`,
    },
    {
      name: '10: WORKING is what a live session holds',
      broken: `SELECT s.target, s.kind, s.state FROM holdfast.operation_status AS s
        WHERE s.${MINE} AND (s.state = 'WORKING') <> EXISTS (
          SELECT 1 FROM holdfast.active_work AS a WHERE a.target = s.target AND a.kind = s.kind)`,
      exercised: `SELECT count(*) FROM holdfast.operation WHERE ${MINE}`,
    },
    {
      name: '8: everything that was asked for is done',
      atRest: true,
      broken: `SELECT target, kind, state, requested, done FROM holdfast.operation
        WHERE ${MINE} AND (state = 'READY' OR requested <> done)`,
      exercised: `SELECT sum(requested) FROM holdfast.operation WHERE ${MINE}`,
    },
  ],
  mutations: {
    'no proof at all': noProofAtAll,
    'results outside of the hand-over': () => outsideOfTheirTransaction(/INSERT INTO chaos_observation/),
  },
};

function loopOf(stage: Stage, { db, name, intervalMs, pollIntervalMs, random, onError }: Surroundings) {
  const [next] = STAGES.slice(STAGES.indexOf(stage) + 1);
  return runControlLoop(db, {
    source: pipeline.source(stage),
    component: `chaos ${stage}`,
    instance: name,
    intervalMs,
    pollIntervalMs,
    parallelism: 2,
    backoff: { initialMs: 1_000 },
    handle: async (work) => {
      const taken = pipeline.of(work);
      await delay(random.integer(0, 80));
      const chance = random.integer(1, 20);
      if (chance === 1) throw new ChaosFailure('thrown on purpose');
      if (chance === 2) return taken.release();
      if (chance === 3) await taken.update({ message: 'half way' });
      if (chance === 4) return taken.error('on purpose', ended(work, 'FAILED'));
      const state = chance < 8 ? ('WARNING' as const) : ('OK' as const);
      const enable = next === undefined ? [] : [next];
      const message = state === 'WARNING' ? { message: 'on purpose' } : {};
      await taken.finish(
        { state, enable, ...message },
        ended(work, state, next === undefined ? undefined : pipeline.kindOf(next)),
      );
    },
    onError,
  });
}

const ended = (work: Work, event: string, detail?: string) => async (tx: Transaction, generation: bigint) => {
  await observe(tx, face.name, work, { event, number: generation, detail });
  // Time for a kill between what is written down and its commit.
  await delay(2);
};
