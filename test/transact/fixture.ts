import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { type ConnectOptions, connect, type Database } from '../../src/index.ts';
import {
  type FaultOptions,
  type FaultProxy,
  refuse,
  startFaultProxy,
  type WireMessage,
} from '../../src/testing/index.ts';
import {
  createTestDatabase,
  SUITE_DRIVERS,
  type TestDatabase,
  testEngine,
  waitFor,
} from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

export const cockroach = testEngine() === 'cockroachdb';

/** What a suite about transactions has at hand, per driver. */
export interface TransactFixture {
  readonly driver: 'pg' | 'postgres';
  /** By way of the proxy. */
  readonly db: Database;
  /** Past the proxy: looks at the truth. */
  readonly direct: Database;
  readonly proxy: FaultProxy;
  readonly database: TestDatabase;
  /** Another handle by way of the proxy, closed after the test. */
  open(options?: ConnectOptions): Promise<Database>;
  /** SQL of every statement that clients send while `body` runs. */
  sent(body: () => Promise<unknown>): Promise<string[]>;
  /** Makes the next `times` statements that match fail on the server. */
  fail(matching: RegExp, sqlState?: string, times?: number): void;
  /** Value of an account. */
  value(id: string): Promise<number | undefined>;
}

/** Runs a suite on both drivers, with a table `account (id, n)`, and nothing leaked or uncaught at the end. */
/** A suite on a database of its own; `drivers`: give DRIVERS where what a driver does is its subject. */
export function describeTransact(
  name: string,
  suite: (fixture: TransactFixture) => void,
  drivers = SUITE_DRIVERS,
): void {
  expectNoUncaughtErrors();
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await using db = await connect({ url: database.url });
    await db.execute(sql('CREATE TABLE account (id TEXT PRIMARY KEY, n INT8 NOT NULL)'));
  });
  afterAll(() => database?.drop());

  describe.each(drivers)(`${name} on %s`, (driver) => {
    const state: { db?: Database; direct?: Database; proxy?: FaultProxy } = {};
    const opened: Database[] = [];
    const need = <T>(value: T | undefined): T => {
      if (value === undefined) throw new Error('the fixture is not ready');
      return value;
    };
    beforeAll(async () => {
      state.proxy = await startFaultProxy({ url: database.url });
      state.db = await connect({ url: state.proxy.url, driver });
      state.direct = await connect({ url: database.url, driver });
    });
    beforeEach(() => need(state.direct).execute(sql('DELETE FROM account')));
    afterEach(async () => {
      state.proxy?.calm();
      await Promise.all(opened.splice(0).map((one) => one.close()));
      const { stats } = need(state.db);
      // One that is being opened for a waiter who was served by another is no leak.
      expect({ busy: stats.busy, waiting: stats.waiting }, 'connections leaked').toEqual({
        busy: 0,
        waiting: 0,
      });
      await waitFor(() => need(state.db).stats.opening === 0);
    });
    afterAll(async () => {
      await state.db?.close();
      await state.direct?.close();
      await state.proxy?.close();
    });
    suite({
      driver,
      get db() {
        return need(state.db);
      },
      get direct() {
        return need(state.direct);
      },
      get proxy() {
        return need(state.proxy);
      },
      get database() {
        return database;
      },
      async open(options) {
        const one = await connect({ url: need(state.proxy).url, driver, ...options });
        opened.push(one);
        return one;
      },
      async sent(body) {
        const texts: string[] = [];
        const stop = need(state.proxy).watch((message) => {
          // A new connection of postgres.js begins with SELECT 1.
          if (isStatement(message) && message.sql !== 'SELECT 1') texts.push(message.sql ?? '');
        });
        try {
          await body();
        } finally {
          stop();
        }
        return texts;
      },
      fail(matching, sqlState = '40001', times = 1) {
        need(state.proxy).inject(failing(matching, sqlState, times));
      },
      async value(id) {
        const [row] = await rows(need(state.direct), 'SELECT n FROM account WHERE id = $1', id);
        return row && Number(row[0]);
      },
    });
  });
}

/** One message of each statement. */
export const isStatement = ({ direction, type }: WireMessage) =>
  direction === 'to-server' && (type === 'Q' || type === 'E');

export const failing = (matching: RegExp, sqlState = '40001', times = 1): FaultOptions => ({
  direction: 'to-server',
  // A new connection of postgres.js begins with SELECT 1.
  at: ({ sql: text }) => text !== 'SELECT 1' && matching.test(text ?? ''),
  action: refuse(sqlState),
  times,
});

export const insert = (id: string, n = 1) =>
  sql('INSERT INTO account (id, n) VALUES ($1, $2)', id, String(n));
export const add = (id: string, n = 1) => sql('UPDATE account SET n = n + $2 WHERE id = $1', id, String(n));
export const read = (id: string) => sql('SELECT n FROM account WHERE id = $1', id);
