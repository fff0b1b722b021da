import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { defineCommands } from '../../../../src/commands/index.ts';
import {
  AmbiguousCommitError,
  type Database,
  runControlLoop,
  sql,
  type Transaction,
  type Work,
} from '../../../../src/index.ts';
import type { SeededRandom } from '../../../support/seed.ts';
import { rows } from '../../../support/sql.ts';
import { type ChaosFace, ChaosFailure } from '../face.ts';
import { outsideOfTheirTransaction } from '../mutations.ts';
import { observe } from '../observe.ts';

const TARGETS = 8;
const MOST_PENDING = 20;
const QUEUE = 'chaos-box:commands';
const target = (n: number) => `box-${n}`;
const backoff = { initialMs: 1_000 };

const queue = defineCommands({
  name: 'chaos-box',
  states: ['open', 'closed'],
  state: async (on, name) => {
    const { rows: found } = await on.execute(sql`SELECT state FROM chaos_box WHERE target = ${name}`);
    return found[0]?.[0] as 'open' | 'closed' | undefined;
  },
  commands: {
    put: { args: z.strictObject({ amount: z.int() }), apply: ['open'], wait: ['closed'], backoff },
    close: { apply: ['open'], backoff },
    open: { apply: ['closed'], overtakes: true, backoff },
    count: { apply: ['open', 'closed'], collapses: true, backoff },
    break: { apply: ['open'], wait: ['closed'], attempts: 2, backoff },
  },
});

const EFFECTS = `(
  SELECT o.target, o.number AS sequence, o.seq, o.event, c.state, c.key, c.overtakes, c.sequence IS NOT NULL AS is_known
  FROM chaos_observation AS o
  LEFT JOIN holdfast.command AS c ON c.queue = '${QUEUE}' AND c.target = o.target AND c.sequence = o.number
  WHERE o.face = 'commands'
)`;

const ORDER = `(
  SELECT target, sequence, lag(sequence) OVER (PARTITION BY target ORDER BY seq) AS before
  FROM ${EFFECTS} AS e WHERE NOT overtakes
)`;

/** Commands to boxes that are open or closed: some wait, some overtake, some collapse, some always throw. */
export const face: ChaosFace = {
  name: 'commands',
  kinds: QUEUE,
  schema: [
    `CREATE TABLE chaos_box (target TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, total INT8 NOT NULL,
       applied INT8 NOT NULL)`,
    `INSERT INTO chaos_box SELECT 'box-' || n::TEXT, 'open', 0, 0 FROM generate_series(1, ${TARGETS}) AS g (n)`,
    'CREATE TABLE chaos_resend (target TEXT NOT NULL, key TEXT NOT NULL)',
  ],
  work: ({ db, name, intervalMs, pollIntervalMs, random, onError }) => [
    runControlLoop(db, {
      source: queue.source,
      component: 'chaos commands',
      instance: name,
      intervalMs,
      pollIntervalMs,
      parallelism: 2,
      backoff,
      handle: async (work) => {
        await consume(work, random);
      },
      onError,
    }),
  ],
  feed: async ({ db, name, random, onError }) => {
    const one = target(random.integer(1, TARGETS));
    const [pending] = await rows(
      db.guardedWithin(10_000),
      `SELECT count(*) FROM holdfast.command WHERE queue = '${QUEUE}' AND target = $1 AND state = 'pending'`,
      one,
    );
    const isFull = Number(pending![0]) >= MOST_PENDING;
    const commands = Array.from({ length: isFull ? 1 : 4 }, () => ({
      command: isFull ? ('open' as const) : oneOf(random.integer(1, 20)),
      key: `${name} ${random.next()}`,
    }));
    try {
      await send(db, one, commands);
    } catch (error) {
      if (!(error instanceof AmbiguousCommitError)) throw error;
      onError(error, 'send');
      for (const { key } of commands)
        await db.guardedWithin(10_000).execute(sql`INSERT INTO chaos_resend VALUES (${one}, ${key})`);
      await send(db, one, commands);
    }
  },
  asks: /INTO holdfast\.command\b/,
  settle: async (db, time) => {
    const closed = await rows(
      db.guardedWithin(10_000),
      `SELECT target FROM chaos_box AS b WHERE state = 'closed' AND EXISTS (
        SELECT 1 FROM holdfast.command AS c WHERE c.queue = '${QUEUE}' AND c.target = b.target AND c.state = 'pending')`,
    );
    for (const [one] of closed) await send(db, one!, [{ command: 'open', key: `the end ${time}` }]);
  },
  left: `SELECT count(*) FROM holdfast.command WHERE queue = '${QUEUE}' AND state = 'pending'`,
  done: `SELECT 'commands ' || state, count(*) FROM holdfast.command WHERE queue = '${QUEUE}' GROUP BY state ORDER BY 1`,
  invariants: [
    {
      name: '9: each command is applied at most once',
      broken: `SELECT target, sequence, count(*) FROM ${EFFECTS} AS e GROUP BY target, sequence HAVING count(*) > 1`,
      exercised: `SELECT count(*) FROM ${EFFECTS} AS e`,
    },
    {
      name: '9: effect and mark are one: a command is consumed where its effect was observed',
      broken: `SELECT target, sequence, event, state FROM ${EFFECTS} AS e WHERE NOT is_known OR state <> 'consumed'
        UNION ALL
        SELECT c.target, c.sequence, c.command, c.state FROM holdfast.command AS c
          WHERE c.queue = '${QUEUE}' AND c.state = 'consumed' AND NOT EXISTS (
            SELECT 1 FROM chaos_observation AS o
            WHERE o.face = 'commands' AND o.target = c.target AND o.number = c.sequence)`,
      exercised: `SELECT count(*) FROM ${EFFECTS} AS e`,
    },
    {
      name: '9: commands of a target are carried out in order, but for those that overtake',
      broken: `SELECT target, before, sequence FROM ${ORDER} AS o WHERE sequence <= before`,
      exercised: `SELECT count(*) FROM ${ORDER} AS o WHERE before IS NOT NULL`,
    },
    {
      name: '9: the target is what its consumed commands make of it',
      broken: `SELECT b.target, b.total, b.applied, sum((c.args->>'amount')::INT8), count(c.sequence) FROM chaos_box AS b
        LEFT JOIN holdfast.command AS c ON c.queue = '${QUEUE}' AND c.target = b.target AND c.state = 'consumed'
        GROUP BY b.target, b.total, b.applied
        HAVING b.applied <> count(c.sequence) OR b.total <> COALESCE(sum((c.args->>'amount')::INT8), 0)`,
      exercised: 'SELECT sum(applied) FROM chaos_box',
    },
    {
      name: '6: commands are numbered without a gap',
      broken: `SELECT t.target, t.last_sequence, count(c.sequence), max(c.sequence) FROM holdfast.command_target AS t
        LEFT JOIN holdfast.command AS c ON c.queue = t.queue AND c.target = t.target
        WHERE t.queue = '${QUEUE}' GROUP BY t.target, t.last_sequence
        HAVING t.last_sequence <> count(c.sequence) OR t.last_sequence <> max(c.sequence)`,
      exercised: `SELECT count(*) FROM holdfast.command WHERE queue = '${QUEUE}'`,
    },
    {
      name: '12: a command that is sent again after an ambiguous commit is one',
      broken: `SELECT r.target, r.key, count(c.sequence) FROM (SELECT DISTINCT target, key FROM chaos_resend) AS r
        LEFT JOIN holdfast.command AS c ON c.queue = '${QUEUE}' AND c.target = r.target AND c.key = r.key
        GROUP BY r.target, r.key HAVING count(c.sequence) > 1`,
      exercised: 'SELECT count(*) FROM chaos_resend',
    },
    {
      name: '11: every end that is no success has its reason',
      broken: `SELECT target, sequence, state FROM holdfast.command
        WHERE queue = '${QUEUE}' AND state NOT IN ('pending', 'consumed') AND reason IS NULL`,
      exercised: `SELECT count(*) FROM holdfast.command WHERE queue = '${QUEUE}' AND state NOT IN ('pending', 'consumed')`,
    },
    {
      name: '8: the queues are empty',
      atRest: true,
      broken: `SELECT target, sequence, command, reason FROM holdfast.command WHERE queue = '${QUEUE}' AND state = 'pending'`,
      exercised: `SELECT count(*) FROM holdfast.command WHERE queue = '${QUEUE}'`,
    },
  ],
  mutations: {
    'effects outside of the transaction of their mark': () =>
      outsideOfTheirTransaction(/(INSERT INTO chaos_(observation|box))/),
  },
};

type Command = (typeof queue.commands)[number];

/** Of 20 some of each. */
const oneOf = (chance: number): Command =>
  chance <= 12 ? 'put' : chance <= 14 ? 'close' : chance <= 17 ? 'open' : chance <= 19 ? 'count' : 'break';

async function send(
  db: Database,
  one: string,
  commands: readonly { readonly command: Command; readonly key: string }[],
): Promise<void> {
  const sent = commands.map(({ command, key }) =>
    command === 'put'
      ? { target: one, command, args: { amount: 1 }, key }
      : { target: one, command, args: {}, key },
  );
  await queue.sendMany(db, sent, { author: 'chaos' });
}

function consume(work: Work, random: SeededRandom) {
  /** Changes the box, and writes that down, with time for a kill before the mark. */
  const apply =
    (state: 'open' | 'closed' | null = null) =>
    async (tx: Transaction, { args, sequence }: { args: { readonly amount?: number }; sequence: bigint }) => {
      await tx.execute(sql`INSERT INTO chaos_box AS b VALUES (${work.target}, 'open', 0, 0)
        ON CONFLICT (target) DO UPDATE SET applied = b.applied + 1, total = b.total + ${args.amount ?? 0}::INT8,
          state = COALESCE(${state}::TEXT, b.state)`);
      await observe(tx, face.name, work, { event: state ?? 'same', number: sequence });
      await delay(random.integer(0, 5));
    };
  return queue.consume(work, {
    put: apply(),
    close: apply('closed'),
    open: apply('open'),
    count: apply(),
    break: async (tx, command) => {
      await apply()(tx, command);
      throw new ChaosFailure('thrown on purpose');
    },
  });
}
