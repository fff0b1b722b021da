import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { claimDueWorkflow, loadWorkflow, nextSignal, writeWorkflow } from '../../src/queries/workflows.ts';
import type { Statement } from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { genericPlan } from '../support/generic-plan.ts';
import { rows } from '../support/sql.ts';

const id = '00000000-0000-4000-8000-000000000000';
const claim = (system: 'postgresql' | 'cockroachdb') =>
  claimDueWorkflow
    .with({ workflow: 'w', versions: [1n, 2n] })
    .statement({ sessionId: id, claimNumber: 1n, wanted: 2n, refusal: 'r' }, system);
const change = {
  workflow: 'w',
  version: 1n,
  state: 'a',
  variables: null,
  enters: false,
  inFlight: 'go',
  arguments: {},
  attempt: 1n,
  intents: 1n,
  revision: 0n,
  wakes: 0n,
  stuck: null,
  cancelIntent: null,
  due: 'rest',
  afterMs: 5n,
  signals: ['s'],
  ends: false,
  signalName: 's',
  signalKey: 'k',
  eventIntents: [1n],
  eventAttempts: [1n],
  events: ['done'],
  eventTransitions: ['go'],
  eventStates: ['a'],
  eventData: ['{}'],
  eventMessages: [''],
};
const keys = {
  sessionId: id,
  targets: ['p1'],
  keyKinds: ['w'],
  keyTargets: ['p1'],
  keyTokens: [1n],
  refusal: 'r',
};
const hot: [string, (system: 'postgresql' | 'cockroachdb') => Statement][] = [
  ['the claim', claim],
  ['the step', (system) => writeWorkflow.with(change).statement(keys, system)],
  ['the read', () => loadWorkflow.statement({ workflow: 'w', target: 'p1' })],
  ['the next signal', () => nextSignal.statement({ workflow: 'w', target: 'p1', names: ['s'] })],
];

/** The statement with its values in it, as text literals: EXPLAIN takes no parameters. */
const inlined = ({ text, values }: Statement) =>
  text.replace(/\$(\d+)/g, (_, n) => {
    const value = values[Number(n) - 1];
    return value === null || value === undefined ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
  });

describe('among many instances that wait', () => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url });
    // Half of them have a timer.
    await rows(
      db,
      `INSERT INTO holdfast.workflow (workflow, target, version, state, variables, start_digest, due_at)
       SELECT 'w', 'p' || n, 1, 'a', '{}', '', CASE WHEN n % 2 = 0 THEN now() + INTERVAL '1 day' END
       FROM generate_series(1, 20000) AS n`,
    );
    await rows(
      db,
      `INSERT INTO holdfast.workflow_signal (workflow, target, name, key, payload)
       SELECT 'w', 'p' || n, 's', 'k', '{}' FROM generate_series(1, 20000) AS n`,
    );
    await rows(
      db,
      `INSERT INTO holdfast.work (kind, target, token) SELECT 'workflow', 'p' || n, 1 FROM generate_series(1, 20000) AS n`,
    );
    for (const table of ['workflow', 'workflow_signal', 'work']) await rows(db, `ANALYZE holdfast.${table}`);
  });
  afterAll(() => db?.close());

  const plansOf = async (statement: Statement) => {
    const explained = (await rows(db, `EXPLAIN ${inlined(statement)}`)).map(([line]) => line).join('\n');
    if (database.engine === 'cockroachdb') return [explained];
    return [explained, await withAdmin(database.url, (client) => genericPlan(client, statement.text))];
  };

  test.each(hot)('%s goes by index', async (_, statementFor) => {
    for (const plan of await plansOf(statementFor(database.engine)))
      expect(plan).not.toMatch(/Seq Scan on|FULL SCAN/);
  });

  test('a claim walks the index of what is due, and sorts nothing', async () => {
    for (const plan of await plansOf(claim(database.engine))) {
      expect(plan).toMatch(/workflow_due/);
      expect(plan).not.toMatch(/bitmap heap scan on workflow|sort key: (i\.)?due_at|order: \+due_at/i);
    }
  });
});
