import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { deleteOldCommands } from '../../src/queries/commands.ts';
import { deleteOldHistory } from '../../src/queries/janitor.ts';
import type { Statement } from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { genericPlan } from '../support/generic-plan.ts';
import { inlined } from '../support/inlined.ts';
import { rows } from '../support/sql.ts';

let database: TestDatabase;
let db: Database;
/** Where there is less, reading it from end to end is cheaper. */
beforeAll(async () => {
  database = await createTestDatabase();
  db = await connect({ url: database.url });
  await rows(
    db,
    `INSERT INTO holdfast.ended_work (target, kind, token, event, session_id, started_at, ended_at)
     SELECT 't' || (n % 5000)::TEXT, 'k' || (n % 3)::TEXT, n, 'finished', '00000000-0000-0000-0000-000000000001', now(),
       now() - CASE WHEN n % 20 = 0 THEN INTERVAL '100 days' ELSE INTERVAL '1 day' END
     FROM generate_series(1, 100000) AS n`,
  );
  await rows(
    db,
    `INSERT INTO holdfast.command (queue, target, sequence, command, args, author, state, overtakes, awaited, ended_at)
     SELECT 'q' || (n % 3)::TEXT, 't' || (n % 5000)::TEXT, n, 'c', '{}', 'a', CASE WHEN n % 50 = 1 THEN 'pending' ELSE 'consumed' END,
       false, false, CASE WHEN n % 20 = 0 THEN now() - INTERVAL '100 days' WHEN n % 50 <> 1 THEN now() - INTERVAL '1 day' END
     FROM generate_series(1, 100000) AS n`,
  );
  await rows(db, 'ANALYZE holdfast.ended_work');
  await rows(db, 'ANALYZE holdfast.command');
});
afterAll(() => db?.close());

/** A page of which neither statement nor plan reads the table from end to end; what is old goes, page by page, and nothing else. */
async function goesByIndex(
  [table, index]: readonly [table: string, index: string],
  statement: Statement,
  page: (page: bigint) => Promise<number>,
): Promise<void> {
  const explained = await rows(db, `EXPLAIN ${inlined(statement)}`);
  const plans = [explained.map(([line]) => line).join('\n')];
  if (database.engine === 'postgresql')
    plans.push(await withAdmin(database.url, (client) => genericPlan(client, statement.text)));
  const whole = new RegExp(`Seq Scan on ${table}\\b|FULL SCAN(?! \\(SOFT LIMIT\\))`);
  for (const plan of plans) {
    expect(plan).not.toMatch(whole);
    expect(plan).toContain(index);
  }
  expect([await page(100n), await page(10_000n), await page(10_000n)]).toEqual([100, 4900, 0]);
  expect(await rows(db, `SELECT count(*) FROM holdfast.${table}`)).toEqual([['95000']]);
}

const olderThanMs = 90n * 86_400_000n;

test('a page of old history is found and deleted by index, however much there is that is not old', async () => {
  const statement = deleteOldHistory.statement({ olderThanMs, page: 100n });
  await goesByIndex(['ended_work', 'ended_work_recent'], statement, (page) =>
    deleteOldHistory(db, { olderThanMs, page }),
  );
});

test('a page of old commands is found and deleted by index, however many there are that are not old', async () => {
  const statement = deleteOldCommands.statement({ olderThanMs, page: 100n });
  await goesByIndex(['command', 'command_ended'], statement, (page) =>
    deleteOldCommands(db, { olderThanMs, page }),
  );
});
