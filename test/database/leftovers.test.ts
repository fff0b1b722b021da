import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReadyStatus } from '../../src/database/drivers/ready-status.ts';
import { Pool, parseUrl, pgDriver, postgresDriver } from '../../src/database/index.ts';
import { connect, type Database, MisuseError } from '../../src/index.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine, waitFor } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';

/** Statements that a look at their first words cannot tell from harmless ones, and what they leave to be seen. */
const LEAVING: readonly [leaves: string, look: string, text: string][] = [
  ['a setting', 'SHOW application_name', "SELECT set_config('application_name', 'left', false)"],
  [
    'a setting made by a CTE',
    'SHOW application_name',
    "WITH s AS (SELECT pg_catalog.Set_Config('application_name', 'left', NOT true) AS a) SELECT a FROM s",
  ],
  [
    'a lock',
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    'SELECT a FROM (SELECT pg_try_advisory_lock_shared (1, 2) AS a) AS x',
  ],
  ['a temporary table', "SELECT to_regclass('pg_temp.leak')", 'SELECT 1 AS a INTO TEMP leak'],
  ['a temporary view', "SELECT to_regclass('pg_temp.leak')", 'CREATE OR REPLACE TEMP VIEW leak AS SELECT 2'],
];
const CURSORS = 'SELECT count(*) FROM pg_cursors WHERE is_holdable';

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
    'SET/* LOCAL */statement_timeout = 1',
  ])('db.execute refuses %s', async (text) => {
    await expect(db.execute(sql(text))).rejects.toThrow(MisuseError);
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
    'SET/* LOCAL */statement_timeout = 1',
  ])('line 21: in a transaction, which it would outlive, %s is refused', async (text) => {
    await expect(db.transact((tx) => rows(tx, text), { allowDdl: true })).rejects.toThrow(MisuseError);
  });

  test.runIf(testEngine() === 'postgresql').each(LEAVING)(
    'line 21: %s is gone when the connection is used next',
    async (_, look, text) => {
      const before = await rows(db, look);
      await db.transact(
        async (tx) => {
          await rows(tx, text);
          expect(await rows(tx, look)).not.toEqual(before);
        },
        { allowDdl: true },
      );
      expect(await rows(db, look)).toEqual(before);
      await rows(db, text);
      expect(await rows(db, look)).toEqual(before);
      await db.transact(async (tx) => expect(await rows(tx, look)).toEqual(before));
    },
  );

  test.runIf(testEngine() === 'postgresql')(
    'line 21: a cursor WITH HOLD is gone when the connection is used next',
    async () => {
      await db.transact((tx) => rows(tx, 'DECLARE c CURSOR WITH/* */HOLD FOR SELECT 1'));
      expect(await rows(db, CURSORS)).toEqual([['0']]);
    },
  );

  test('line 21: on CockroachDB a connection whose settings may have changed is not used again', async () => {
    const text = "SELECT set_config('application_name', 'left', false)";
    await db.transact((tx) => rows(tx, text));
    expect(await rows(db, 'SHOW application_name')).not.toEqual([['left']]);
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

  test.runIf(testEngine() === 'postgresql')(
    'a server keeps no more than 500 prepared statements for a connection, which is closed then',
    async () => {
      const prepared = () => rows(db, 'SELECT count(*), pg_backend_pid() FROM pg_prepared_statements');
      const [[, before]] = (await prepared()) as [[string, string]];
      const kept = await db.transact(async (tx) => {
        await Promise.all(Array.from({ length: 600 }, (_, i) => rows(tx, `SELECT ${i}`)));
        const [row] = await rows(tx, 'SELECT count(*), pg_backend_pid() FROM pg_prepared_statements');
        return row;
      });
      expect(kept).toEqual(['500', before]);
      const [[count, after]] = (await prepared()) as [[string, string]];
      expect(Number(count)).toBeLessThan(10);
      expect(after).not.toBe(before);
    },
  );

  test('a connection that has lived for as long as it may is closed when it is given back', async () => {
    await using old = await connect({ url: database.url, driver, pool: { max: 1, maxLifetimeMs: 1 } });
    await waitFor(async () => {
      expect(await rows(old, 'SELECT 1')).toEqual([['1']]);
      return old.stats.idle === 0;
    });
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
      await waitFor(() => left.inTransaction || left.closed);
      const next = await pool.acquire();
      expect(next).not.toBe(left);
      expect(left.closed).toBeDefined();
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
