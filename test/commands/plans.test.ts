import { expect, test } from 'vitest';
import { defineCommands } from '../../src/commands/index.ts';
import { connect } from '../../src/index.ts';
import { dueTargets, markCommands, pendingCommands, pendingNames } from '../../src/queries/commands.ts';
import { claim, type Statement } from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase } from '../support/database.ts';
import { genericPlan } from '../support/generic-plan.ts';
import { rows } from '../support/sql.ts';

const queue = defineCommands({
  name: 'plan',
  states: ['on'],
  state: async () => 'on',
  commands: { go: { apply: ['on'] } },
});

test('what is due and what is pending is found by its partial index, also when the plan was made while the tables were empty', async () => {
  const database = await createTestDatabase();
  await using db = await connect({ url: database.url });
  const named = { queue: queue.kind, target: 't5' };
  const none: bigint[] = [];
  const statements: Statement[] = [
    claim<{ queue: string }>({ ...dueTargets.definition, kind: queue.kind })
      .with({ queue: queue.kind })
      .statement(
        { sessionId: '00000000-0000-4000-8000-000000000000', claimNumber: 1n, wanted: 1n, refusal: 'r' },
        database.engine,
      ),
    pendingCommands.statement({ ...named, most: 51n }),
    pendingNames.statement(named),
    markCommands.statement({
      ...named,
      sequences: none,
      states: [],
      reasons: [],
      results: [],
      failures: none,
      delaysMs: none,
      dueMs: null,
    }),
  ];
  const explain = async () => {
    if (database.engine === 'postgresql')
      return withAdmin(database.url, async (client) => {
        await client.query('SET enable_seqscan = off');
        const plans: string[] = [];
        for (const { text } of statements) plans.push(await genericPlan(client, text));
        return plans;
      });
    const plans: string[] = [];
    for (const { text, values } of statements) {
      const inlined = text.replace(/\$(\d+)/g, (_, n) => {
        const value = values[Number(n) - 1];
        return value === null || value === undefined ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
      });
      plans.push((await rows(db, `EXPLAIN ${inlined}`)).flat().join('\n'));
    }
    return plans;
  };
  if (database.engine === 'postgresql')
    for (const plan of await explain()) expect(plan).not.toMatch(/Seq Scan on command/);
  const many = Array.from({ length: 3_000 }, (_, n) => ({ target: `t${n % 100}`, command: 'go' as const }));
  await queue.sendMany(db, many, { author: 'a' });
  await rows(db, "UPDATE holdfast.command SET state = 'consumed' WHERE sequence <= 28");
  for (const table of ['command', 'command_target']) await rows(db, `ANALYZE holdfast.${table}`);
  const [due, pending, names, mark] = await explain();
  for (const plan of [due, pending, names, mark]) expect(plan).not.toMatch(/Seq Scan on command|FULL SCAN/);
  expect(due).toMatch(/command_target_due/);
  expect(pending).toMatch(/command_pending/);
  expect(pending).toMatch(/command_overtaking/);
});
