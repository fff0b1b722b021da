import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReadyStatus } from '../../src/database/drivers/ready-status.ts';
import { Pool, parseUrl, pgDriver, postgresDriver } from '../../src/database/index.ts';
import { connect, type Database, ForbiddenStatementError } from '../../src/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine, waitFor } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';

/** What stays with a connection, in a transaction as well as on its own. */
const STAYING = [
  "SELECT set_config('statement_timeout', '77', false)",
  "SELECT pg_catalog.Set_Config /* , true */ ('application_name', 'true', NOT true)",
  "UPDATE nowhere SET a = set_config('application_name', 'x', $1)",
  'SELECT 1 AS a INTO TEMP leak',
  'WITH x AS (SELECT 1 AS a) SELECT a INTO LOCAL TEMPORARY TABLE leak FROM x',
  'SELECT 1 AS a INTO pg_temp.leak',
  'EXPLAIN (COSTS off, ANALYZE) SELECT 1 AS a INTO TEMP leak',
  'CREATE OR REPLACE TEMP VIEW leak AS SELECT 2',
  'CREATE TEMPORARY SEQUENCE leak',
  'CREATE TABLE pg_temp.leak (a INT8)',
  "CREATE TEMP TABLE leak AS SELECT ' ON COMMIT DROP ' AS a",
  'SELECT pg_advisory_lock(4711)',
  'SELECT a FROM (SELECT pg_try_advisory_lock_shared (1, 2) AS a) AS x',
  'DECLARE c CURSOR WITH/* */HOLD FOR SELECT 1',
  'SET/* LOCAL */statement_timeout = 1',
];

/** What only looks like it. */
const PASSING = [
  `SELECT length('${"it''s ".repeat(200_000)}')`,
  "SELECT 'set_config(a, b, false), pg_advisory_lock(1) INTO TEMP leak'",
  'SELECT $$ INTO TEMP leak $$, $a$ $$ INTO TEMP leak $a$',
  "SELECT E'\\' INTO TEMP leak'",
  'SELECT 1 AS "pg_advisory_lock (", 2 AS "into", 3 AS into',
  '-- INTO TEMP leak\nSELECT 1 /* INTO TEMP /* nested */ leak */',
  'INSERT INTO looked_at (a) SELECT 1',
  'WITH x AS (INSERT INTO looked_at (a) VALUES (1) RETURNING a) SELECT a FROM x',
];
const PASSING_ON_POSTGRESQL = [
  'MERGE INTO looked_at AS p USING (SELECT 1 AS a) AS x ON p.a = x.a WHEN NOT MATCHED THEN INSERT VALUES (x.a)',
  'EXPLAIN ANALYZE INSERT INTO looked_at (a) SELECT 1',
];

describe.each(DRIVERS)('a connection is handed on as it came, %s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url, driver, pool: { max: 1 } });
  });
  afterAll(async () => {
    await db?.close();
    await database?.drop();
  });

  test.each([
    'BEGIN',
    ' -- why not\n begin ISOLATION LEVEL SERIALIZABLE',
    'START TRANSACTION',
    'COMMIT',
    'ROLLBACK',
    'SAVEPOINT s',
    'RELEASE SAVEPOINT s',
    'SET statement_timeout = 1',
    "/* a */ SET SESSION application_name = 'x'",
    'RESET ALL',
    'DISCARD ALL',
    'PREPARE p AS SELECT 1',
    'LISTEN changes',
    'CREATE TEMP TABLE t (a INT8)',
    'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
    ...STAYING,
  ])('db.execute refuses %s', async (text) => {
    await expect(db.execute(sql(text))).rejects.toThrow(ForbiddenStatementError);
  });

  test.runIf(testEngine() === 'postgresql')('what names such a function calls none', async () => {
    await rows(db, 'COMMENT ON FUNCTION pg_catalog.pg_advisory_lock(bigint) IS NULL');
    await rows(db, 'REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC');
    await rows(db, 'GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC');
    await rows(db, 'CREATE TABLE IF NOT EXISTS set_config (a INT8)');
    await db.transact((tx) => rows(tx, 'INSERT INTO set_config (a) VALUES (1)'));
    const cursor = 'DECLARE c NO SCROLL CURSOR FOR WITH hold AS (SELECT 1) SELECT * FROM hold';
    await db.transact((tx) => rows(tx, cursor));
    const leaking = "CREATE TABLE leak AS SELECT set_config('application_name', 'x', false)";
    await expect(rows(db, leaking)).rejects.toThrow(ForbiddenStatementError);
  });

  test('db.execute takes what only looks like it', async () => {
    expect(await rows(db, "SELECT 'BEGIN'")).toEqual([['BEGIN']]);
    await rows(db, 'CREATE TABLE settings (beginning TEXT)');
  });

  test.each([
    'SET statement_timeout = 1',
    "/* a */ set session application_name = 'x'",
    "SET TIME ZONE 'UTC'",
    'RESET ALL',
    'DISCARD ALL',
    'LISTEN changes',
    'UNLISTEN *',
    'DEALLOCATE ALL',
    'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
    'CREATE TEMP TABLE t (a INT8)',
    'create temporary table t (a INT8) ON COMMIT DELETE ROWS',
    ...STAYING,
  ])('line 21: in a transaction, which it would outlive, %s is refused', async (text) => {
    await expect(db.transact((tx) => rows(tx, text), { allowDdl: true })).rejects.toThrow(
      ForbiddenStatementError,
    );
  });

  test('what only looks as if it stayed passes, in a transaction and on its own', async () => {
    await rows(db, 'CREATE TABLE IF NOT EXISTS looked_at (a INT8)');
    for (const text of [...PASSING, ...(testEngine() === 'postgresql' ? PASSING_ON_POSTGRESQL : [])]) {
      await db.transact((tx) => rows(tx, text));
      await rows(db, text);
    }
    if (testEngine() === 'cockroachdb') return;
    await db.transact(async (tx) => {
      await rows(
        tx,
        "SELECT set_config('application_name', concat('in', ('side')), true), pg_advisory_xact_lock(4711)",
      );
      await rows(tx, "DECLARE c CURSOR FOR SELECT ' WITH HOLD '");
    });
    expect(await rows(db, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).toEqual([['0']]);
    expect(await rows(db, 'SHOW application_name')).not.toEqual([['inside']]);
  });

  test('what ends with the transaction passes, and the next one sees nothing of it', async () => {
    const [before] = await rows(db, 'SHOW application_name');
    const inside = await db.transact(async (tx) => {
      await rows(tx, 'SET TRANSACTION READ ONLY');
      await rows(tx, "SET LOCAL application_name = 'inside'");
      return rows(tx, 'SHOW application_name');
    });
    expect(inside).toEqual([['inside']]);
    expect(await rows(db, 'SHOW application_name')).toEqual([before]);
    if (testEngine() === 'cockroachdb') return;
    const counted = await db.transact(
      async (tx) => {
        await rows(tx, 'DECLARE c CURSOR FOR SELECT 1');
        await rows(tx, 'CREATE TEMP TABLE passing ON COMMIT DROP AS SELECT 1 AS a');
        return rows(tx, 'SELECT count(*) FROM passing');
      },
      { allowDdl: true },
    );
    expect(counted).toEqual([['1']]);
    await expect(rows(db, 'SELECT count(*) FROM passing')).rejects.toThrow('passing');
  });

  test.each(['BEGIN', 'BEGIN; SELECT 1/0'])(
    'one left in a transaction (%s) is not handed out again',
    async (text) => {
      const pool = new Pool(driver === 'pg' ? pgDriver : postgresDriver, parseUrl(database.url, undefined), {
        max: 1,
        acquireTimeoutMs: 10_000,
        idleTimeoutMs: 10_000,
        connectTimeoutMs: 10_000,
        applicationName: 'test',
      });
      const left = await pool.use({}, async (connection) => {
        expect(connection.inTransaction).toBe(false);
        await connection.send(sql('SELECT 1'));
        await connection.sendSimple(text).catch(() => {});
        return connection;
      });
      // Behind an error the server's last word comes later than the error.
      await waitFor(() => left.inTransaction || left.dead);
      const next = await pool.acquire();
      expect(next).not.toBe(left);
      expect(left.dead).toBeDefined();
      expect(next.inTransaction).toBe(false);
      pool.release(next);
      await pool.close();
    },
  );
});

test('the transaction status is read from a stream in pieces of any size', () => {
  const stream = Buffer.from([0x43, 0, 0, 0, 10, 66, 69, 71, 73, 78, 0, 0x5a, 0, 0, 0, 5, 0x54]);
  for (let size = 1; size <= stream.length; size++) {
    const status = new ReadyStatus();
    for (let at = 0; at < stream.length; at += size) status.push(stream.subarray(at, at + size));
    expect(status.inTransaction, `pieces of ${size}`).toBe(true);
  }
});
