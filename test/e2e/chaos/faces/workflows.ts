import { setTimeout as delay } from 'node:timers/promises';
import { sql } from '../../../../src/index.ts';
import { type ActionContext, defineWorkflow, TransitionError } from '../../../../src/workflows/index.ts';
import { rows } from '../../../support/sql.ts';
import { type ChaosFace, ChaosFailure, type Surroundings } from '../face.ts';
import { rewriteStatements } from '../mutations.ts';

/** Instances that have not ended, at most. */
const MOST_OPEN = 30;
const backoff = { initialMs: 1_000 };

const part = defineWorkflow({
  name: 'chaos-part',
  version: 1,
  states: ['made'],
  transitions: { make: { from: null, to: 'made', automatic: true, retry: { attempts: Infinity, backoff } } },
});

const TRANSITIONS = {
  install: {
    from: null,
    to: 'installed',
    automatic: true,
    error: 'fail_install',
    retry: { attempts: Infinity, backoff },
  },
  fail_install: { from: null, to: 'install_error' },
  retry_install: {
    from: 'install_error',
    to: 'installed',
    after: { ms: 300 },
    retry: { attempts: Infinity, backoff },
  },
  start: { from: 'installed', to: 'started', automatic: true, keepVariables: true },
  // Without an answer after three attempts an operator decides.
  upgrade: {
    from: 'started',
    to: 'started',
    signal: 'upgrade',
    keepVariables: true,
    retry: { attempts: 3, backoff },
  },
  audit: { from: 'started', to: 'started', signal: 'audit', keepVariables: true, child: { workflow: part } },
  stop: {
    from: ['started', 'install_error', 'installed'],
    to: 'stopped',
    signal: 'stop',
    keepVariables: true,
  },
} as const;

const unit = defineWorkflow({
  name: 'chaos-unit',
  version: 1,
  states: ['installed', 'install_error', 'started', 'stopped'],
  transitions: TRANSITIONS,
  cancel: 'stop',
});

const MINE = "workflow IN ('chaos-unit', 'chaos-part')";
const OUTCOMES = `(
  SELECT workflow, target, intent, count(*) AS outcomes FROM holdfast.workflow_history
  WHERE ${MINE} AND event IN ('done', 'failed') GROUP BY workflow, target, intent
)`;
const COUNTED = `(
  SELECT i.workflow, i.target, i.state, i.variables, i.intents, i.in_flight, i.ended_at, i.stuck,
    (SELECT count(*) FROM ${OUTCOMES} AS o WHERE o.workflow = i.workflow AND o.target = i.target) AS outcomes
  FROM holdfast.workflow AS i WHERE i.${MINE}
)`;
/** Each change of state beside the one before it. */
const STEPS = `(
  SELECT workflow, target, intent, transition, state, data,
    lag(state) OVER (PARTITION BY workflow, target ORDER BY intent) AS before,
    row_number() OVER (PARTITION BY workflow, target ORDER BY intent DESC) AS from_last
  FROM holdfast.workflow_history WHERE ${MINE} AND event = 'done'
)`;
const declared = [
  ...steps('chaos-unit', TRANSITIONS),
  ...steps('chaos-part', { make: { from: null, to: 'made' } }),
];
const DECLARED = `(VALUES ${declared.join(', ')}) AS d (workflow, transition, before, state)`;

function steps(
  workflow: string,
  transitions: Readonly<
    Record<string, { readonly from: null | string | readonly string[]; readonly to: string }>
  >,
): string[] {
  return Object.entries(transitions).flatMap(([id, { from, to }]) =>
    [from ?? ''].flat().map((state) => `('${workflow}', '${id}', '${state}', '${to}')`),
  );
}

/** Instances with timers, signals, children, cancels, actions that fail, and an operator who resolves. */
export const face: ChaosFace = {
  name: 'workflows',
  kinds: 'workflow:chaos-%',
  schema: [
    `CREATE TABLE chaos_action (workflow TEXT NOT NULL, target TEXT NOT NULL, transition TEXT NOT NULL, key TEXT NOT NULL,
       attempt INT8 NOT NULL, token INT8 NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp())`,
  ],
  work: ({ db, name, intervalMs, pollIntervalMs, random, onError }) => {
    /** An action is outside of the database, and may be done again: what it writes here is on its own. */
    const act = async (workflow: string, { target, transition, key, attempt, token }: ActionContext) => {
      await db.guardedWithin(10_000).execute(sql`INSERT INTO chaos_action
        VALUES (${workflow}, ${target}, ${transition}, ${key}, ${attempt}, ${token})`);
      await delay(random.integer(0, 80));
      const chance = random.integer(1, 20);
      if (chance === 1) throw new ChaosFailure('thrown on purpose');
      return chance;
    };
    const install = async (context: ActionContext) => {
      if ((await act('chaos-unit', context)) <= 4) throw new TransitionError('on purpose');
      return { upgrades: 0 };
    };
    const shared = { instance: name, intervalMs, pollIntervalMs, parallelism: 3, backoff, onError };
    return [
      unit.runLoop(db, {
        ...shared,
        component: 'chaos units',
        actions: {
          install,
          retry_install: install,
          upgrade: async (context) => {
            await act('chaos-unit', context);
            return { upgrades: Number(context.variables['upgrades']) + 1 };
          },
        },
      }),
      part.runLoop(db, {
        ...shared,
        component: 'chaos parts',
        actions: { make: async (context) => void (await act('chaos-part', context)) },
      }),
    ];
  },
  feed: async ({ db, name, random }) => {
    const open = await openUnits(db);
    if (open.length < MOST_OPEN)
      await unit.startMany(
        db,
        [1, 2, 3].map(() => ({ target: `unit ${name} ${random.next()}` })),
      );
    for (let n = 0; n < 3 && open.length > 0; n++) {
      const target = random.pick(open);
      const key = `${name} ${random.next()}`;
      const chance = random.integer(1, 10);
      if (chance <= 5) await unit.signal(db, target, 'upgrade', {}, { key });
      else if (chance <= 7) await unit.signal(db, target, 'audit', {}, { key });
      else if (chance <= 9) await unit.signal(db, target, 'stop', {}, { key });
      else await unit.cancel(db, target, { reason: 'on purpose' });
    }
    await resolve(db);
  },
  settle: async (db) => {
    for (const target of await openUnits(db)) await unit.signal(db, target, 'stop', {}, { key: 'the end' });
    await resolve(db);
  },
  left: `SELECT count(*) FROM holdfast.workflow WHERE ${MINE} AND ended_at IS NULL`,
  done: `SELECT transition || ' ' || event, count(*) FROM holdfast.workflow_history
    WHERE ${MINE} AND event IN ('done', 'failed', 'stuck') GROUP BY transition, event ORDER BY 1`,
  invariants: [
    {
      name: '11: each intent has one outcome at most',
      broken: `SELECT workflow, target, intent, outcomes FROM ${OUTCOMES} AS o WHERE outcomes > 1`,
      exercised: `SELECT count(*) FROM ${OUTCOMES} AS o`,
    },
    {
      name: '11: each intent has an outcome, but for the one that is in flight',
      broken: `SELECT workflow, target, intents, outcomes, in_flight FROM ${COUNTED} AS c
        WHERE intents <> outcomes + CASE WHEN in_flight IS NULL THEN 0 ELSE 1 END`,
      exercised: `SELECT sum(intents) FROM ${COUNTED} AS c`,
    },
    {
      name: '11: the history replayed gives the row',
      broken: `SELECT c.workflow, c.target, c.state, s.state, c.variables::TEXT, s.data::TEXT FROM ${COUNTED} AS c
        JOIN ${STEPS} AS s ON s.workflow = c.workflow AND s.target = c.target AND s.from_last = 1
        WHERE c.state IS DISTINCT FROM s.state OR c.variables <> s.data`,
      exercised: `SELECT count(*) FROM ${STEPS} AS s WHERE from_last = 1`,
    },
    {
      name: '10: only declared transitions, each from where the one before has ended',
      broken: `SELECT s.workflow, s.target, s.intent, s.before, s.transition, s.state FROM ${STEPS} AS s
        WHERE NOT EXISTS (SELECT 1 FROM ${DECLARED} WHERE d.workflow = s.workflow AND d.transition = s.transition
          AND d.before = COALESCE(s.before, '') AND d.state = s.state)`,
      exercised: `SELECT count(*) FROM ${STEPS} AS s`,
    },
    {
      name: '6: what each action returned is recorded once',
      broken: `SELECT i.target, i.variables->>'upgrades', count(h.intent) FROM holdfast.workflow AS i
        LEFT JOIN holdfast.workflow_history AS h ON h.workflow = i.workflow AND h.target = i.target
          AND h.event = 'done' AND h.transition = 'upgrade'
        WHERE i.workflow = 'chaos-unit' AND i.variables ? 'upgrades'
        GROUP BY i.target, i.variables HAVING (i.variables->>'upgrades')::INT8 <> count(h.intent)`,
      exercised:
        "SELECT count(*) FROM holdfast.workflow_history WHERE transition = 'upgrade' AND event = 'done'",
    },
    {
      name: '11: no action runs whose intent was not written down before',
      broken: `SELECT a.workflow, a.target, a.transition, a.key, a.attempt FROM chaos_action AS a
        WHERE NOT EXISTS (SELECT 1 FROM holdfast.workflow_history AS h
          WHERE h.workflow = a.workflow AND h.target = a.target AND h.event = 'fired' AND h.transition = a.transition
            AND h.attempt = a.attempt AND a.key = h.workflow || '/' || h.target || '/' || h.intent::TEXT AND h.at <= a.at)`,
      exercised: 'SELECT count(*) FROM chaos_action',
    },
    {
      name: '2: a later attempt of an action has no lower token',
      broken: `SELECT key, attempt, token, before FROM (
          SELECT key, attempt, token, lag(token) OVER (PARTITION BY key ORDER BY attempt, at) AS before FROM chaos_action
          WHERE transition <> 'upgrade'
        ) AS a WHERE token < before`,
      exercised: "SELECT count(*) FROM chaos_action WHERE transition <> 'upgrade' AND attempt > 1",
    },
    {
      name: '6: each signal fires one transition',
      broken: `SELECT i.target, s.consumed, h.fired FROM holdfast.workflow AS i
        LEFT JOIN (SELECT target, count(*) AS consumed FROM holdfast.workflow_signal
          WHERE workflow = 'chaos-unit' AND consumed_at IS NOT NULL GROUP BY target) AS s ON s.target = i.target
        LEFT JOIN (SELECT target, count(DISTINCT intent) AS fired FROM holdfast.workflow_history
          WHERE workflow = 'chaos-unit' AND event = 'fired' AND transition IN ('upgrade', 'audit')
          GROUP BY target) AS h ON h.target = i.target
        WHERE i.workflow = 'chaos-unit' AND COALESCE(s.consumed, 0)
          NOT BETWEEN COALESCE(h.fired, 0) AND COALESCE(h.fired, 0) + 1`,
      exercised:
        "SELECT count(*) FROM holdfast.workflow_signal WHERE workflow = 'chaos-unit' AND consumed_at IS NOT NULL",
    },
    {
      name: '11: a transition with a child is done when the child has ended',
      broken: `SELECT s.target, s.intent FROM ${STEPS} AS s WHERE s.transition = 'audit' AND NOT EXISTS (
          SELECT 1 FROM holdfast.workflow AS p WHERE p.workflow = 'chaos-part' AND p.ended_at IS NOT NULL
            AND p.target = s.target || '/' || s.intent::TEXT)`,
      exercised: `SELECT count(*) FROM ${STEPS} AS s WHERE transition = 'audit'`,
    },
    {
      name: '8, 11: every instance has ended, and nothing is in flight',
      atRest: true,
      broken: `SELECT workflow, target, state, in_flight, stuck FROM ${COUNTED} AS c
        WHERE ended_at IS NULL OR in_flight IS NOT NULL OR stuck IS NOT NULL`,
      exercised: `SELECT count(*) FROM ${COUNTED} AS c`,
    },
  ],
  mutations: {
    'nothing in flight is written down': () =>
      rewriteStatements((text) =>
        text.replace(/in_flight = \$\d+::TEXT, arguments/, 'in_flight = NULL::TEXT, arguments'),
      ),
  },
};

async function openUnits(db: Surroundings['db']): Promise<string[]> {
  const open = await rows(
    db.guardedWithin(10_000),
    "SELECT target FROM holdfast.workflow WHERE workflow = 'chaos-unit' AND ended_at IS NULL ORDER BY target",
  );
  return open.map(([target]) => target!);
}

/** As an operator does: what is stuck may be tried again. */
async function resolve(db: Surroundings['db']): Promise<void> {
  for await (const { target } of unit.list(db, { stuck: true, ended: false }))
    await unit.resolve(db, target, 'retry', 'tried again on purpose');
}
