import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { deleteOldHistory } from '../../src/queries/janitor.ts';
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
  await rows(db, 'ANALYZE holdfast.ended_work');
});
afterAll(() => db?.close());

test('a page of old history is found and deleted by index, however much there is that is not old', async () => {
  const statement = deleteOldHistory.statement({ olderThanMs: 90n * 86_400_000n, page: 100n });
  const explained = await rows(db, `EXPLAIN ${inlined(statement)}`);
  const plans = [explained.map(([line]) => line).join('\n')];
  if (database.engine === 'postgresql')
    plans.push(await withAdmin(database.url, (client) => genericPlan(client, statement.text)));
  for (const plan of plans) expect(plan).not.toMatch(/Seq Scan on ended_work|FULL SCAN(?! \(SOFT LIMIT\))/);
  expect(await deleteOldHistory(db, { olderThanMs: 90n * 86_400_000n, page: 100n })).toBe(100);
  expect(await deleteOldHistory(db, { olderThanMs: 90n * 86_400_000n, page: 10_000n })).toBe(4900);
  expect(await deleteOldHistory(db, { olderThanMs: 90n * 86_400_000n, page: 10_000n })).toBe(0);
  expect(await rows(db, 'SELECT count(*) FROM holdfast.ended_work')).toEqual([['95000']]);
});
