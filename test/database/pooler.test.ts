import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { createTestDatabase, DRIVERS, testEngine } from '../support/database.ts';
import { pgbouncerMissing, startPgbouncer } from '../support/pgbouncer.ts';
import { rows } from '../support/sql.ts';

const missing = testEngine() === 'cockroachdb' ? 'CockroachDB needs no pooler' : pgbouncerMissing;
if (missing) console.warn(`left out: tests behind a pooler in transaction mode: ${missing}`);

describe.runIf(!missing).each(DRIVERS)('behind PgBouncer in transaction mode, on %s', (driver) => {
  let pooler: Awaited<ReturnType<typeof startPgbouncer>>;
  let db: Database;
  let direct: string;
  beforeAll(async () => {
    const database = await createTestDatabase();
    direct = database.url;
    pooler = await startPgbouncer(database.url);
    db = await connect({ url: pooler.url, driver, prepare: false });
    await rows(db, 'CREATE TABLE note (note_id INT8 PRIMARY KEY, body TEXT NOT NULL)');
  });
  afterAll(async () => {
    await db?.close();
    await pooler?.[Symbol.asyncDispose]();
  });

  test('with prepare: false, statements, transactions and sessions work on whichever server connection they get', async () => {
    await using session = await db.startSession({ component: 'pooled' });
    const add = (id: number) =>
      session.transact(async (tx) => {
        await rows(tx, 'INSERT INTO note VALUES ($1, $2)', String(id), 'a');
        return rows(tx, 'SELECT body FROM note WHERE note_id = $1', String(id));
      });
    const added = await Promise.all(Array.from({ length: 40 }, (_, id) => add(id)));
    expect(added.flat()).toEqual(Array.from({ length: 40 }, () => ['a']));
    const counted = await Promise.all(
      Array.from({ length: 40 }, () => rows(db, 'SELECT count(*) FROM note WHERE note_id < $1', '40')),
    );
    expect(new Set(counted.flat().flat())).toEqual(new Set(['40']));
  });

  test('claims and ends leave nothing set on the server connections of the pooler', async () => {
    await using session = await db.startSession({ component: 'pooled' });
    const targets = Array.from({ length: 20 }, (_, n) => `t${n}`);
    const works = await Promise.all(
      targets.map((target) => session.claim({ kind: `pooled ${driver}`, candidates: () => [target] })),
    );
    await Promise.all(works.map(([work]) => work!.finish()));
    const names = ['enable_seqscan', 'plan_cache_mode', 'jit', 'default_transaction_isolation'];
    const settings = names.map((name) => `current_setting('${name}')`).join(', ');
    await using fresh = await connect({ url: direct, driver });
    const [expected] = await rows(fresh, `SELECT ${settings}`);
    const seen = await Promise.all(Array.from({ length: 20 }, () => rows(db, `SELECT ${settings}`)));
    expect(new Set(seen.flat().map(String))).toEqual(new Set([String(expected)]));
  });
});
