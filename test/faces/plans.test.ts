import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { commandsOf, queuesOf } from '../../src/queries/commands.ts';
import { endedClaims, explainWork, interventionsOf, kindsOfTarget } from '../../src/queries/explain.ts';
import { countWork } from '../../src/queries/janitor.ts';
import { operationsOf } from '../../src/queries/operations.ts';
import { workflowsOf } from '../../src/queries/workflows.ts';
import type { Statement } from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { genericPlan } from '../support/generic-plan.ts';
import { inlined } from '../support/inlined.ts';
import { rows } from '../support/sql.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = await connect({ url: database.url });
  await rows(
    db,
    `INSERT INTO holdfast.work (kind, target, token)
     SELECT 'job', 't' || n::TEXT, 1 FROM generate_series(1, 10000) AS n`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.ended_work (target, kind, token, event, session_id, started_at)
     SELECT 't1', 'job', n, 'finished', gen_random_uuid(), now() FROM generate_series(1, 10000) AS n`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.ended_work (target, kind, token, event, session_id, started_at)
     SELECT target, kind, 1, 'finished', gen_random_uuid(), now() FROM holdfast.work WHERE target <> 't1'`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.operation (target, kind, state, requested)
     SELECT target, 'p:' || kind, 'READY', 1 FROM holdfast.work`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.session (session_id, component, instance, interval_ms)
     SELECT gen_random_uuid(), 'c', 'r', 5000 FROM generate_series(1, 2000)`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.session_deadline (session_id, deadline, interval_ms)
     SELECT session_id, now() + INTERVAL '1 hour', 5000 FROM holdfast.session`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.intervention (kind, target, event)
     SELECT kind, target, 'released' FROM holdfast.work`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.command_target (queue, target, last_sequence)
     SELECT 'q' || (n % 3)::TEXT, 't' || n::TEXT, 1 FROM generate_series(1, 10000) AS n`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.command (queue, target, sequence, command, args, author, overtakes, awaited)
     SELECT queue, target, 1, 'c', '{}', 'a', false, false FROM holdfast.command_target`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.workflow (workflow, target, version, variables, start_digest)
     SELECT 'w' || (n % 3)::TEXT, 't' || n::TEXT, 1, '{}', '' FROM generate_series(1, 10000) AS n`,
  );
  for (const table of [
    'workflow',
    'command',
    'command_target',
    'work',
    'ended_work',
    'operation',
    'session',
    'session_deadline',
    'intervention',
  ])
    await rows(db, `ANALYZE holdfast.${table}`);
});
afterAll(() => db?.close());

const id = '00000000-0000-0000-0000-000000000000';
const statements: [string, Statement][] = [
  ['ExplainWork', explainWork.statement({ target: 't1', targets: ['', 'k'], kinds: ['', 'group:g'] })],
  ['KindsOfTarget', kindsOfTarget.statement({ target: 't1' })],
  ['EndedClaims', endedClaims.statement({ target: 't1', kind: 'job', afterToken: 5_000n, page: 500n })],
  [
    'InterventionsOf',
    interventionsOf.statement({
      target: 't1',
      kinds: ['job'],
      afterPosition: '2026-01-01 00:00:00+00',
      afterId: id,
      page: 500n,
    }),
  ],
  ['QueuesOf', queuesOf.statement({ target: 't1' })],
  ['WorkflowsOf', workflowsOf.statement({ target: 't1' })],
  ['CommandsOf', commandsOf.statement({ queue: 'q', target: 't1', afterSequence: 0n, page: 500n })],
  ['OperationsOf', operationsOf.statement({ target: 't1' })],
];

/** The plan shows a scan of a whole table. The table of kinds, with a row a kind, does not count. */
const SCAN = /Seq Scan on (?!kind)|table: (?!kind@)\S+\n\s*(│\s*)*spans: FULL SCAN/;

async function plansOf(statement: Statement): Promise<string[]> {
  const explained = await rows(db, `EXPLAIN ${inlined(statement)}`);
  const plan = explained.map(([line]) => line).join('\n');
  if (database.engine === 'cockroachdb') return [plan];
  return [plan, await withAdmin(database.url, (client) => genericPlan(client, statement.text))];
}

/** ExplainWork counts live sessions once: both of their tables, which have a row a process. Elsewhere it finds them by key. */
const withoutCount = (plan: string) =>
  ['session', 'session_deadline'].reduce(
    (left, table) =>
      left.replace(
        new RegExp(`Seq Scan on ${table}\\b|table: ${table}@\\S+\\n\\s*(│\\s*)*spans: FULL SCAN`),
        'counted',
      ),
    plan,
  );

test.each(statements)('%s reads no table that grows from end to end', async (name, statement) => {
  for (const plan of await plansOf(statement))
    expect(name === 'ExplainWork' ? withoutCount(plan) : plan).not.toMatch(SCAN);
});

test('a statement that does is seen', async () => {
  for (const plan of await plansOf(countWork.statement({}))) expect(plan).toMatch(SCAN);
});
