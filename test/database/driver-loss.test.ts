import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConnectError, ConnectionLostError } from '../../src/base/index.ts';
import type { DriverConnection } from '../../src/database/index.ts';
import { cut, type FaultProxy, stall, startFaultProxy, type WireMessage } from '../../src/testing/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine, waitFor } from '../support/database.ts';
import { openConnection } from '../support/driver-connection.ts';
import { sql } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

expectNoUncaughtErrors();

let database: TestDatabase;
let proxy: FaultProxy;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startFaultProxy({ url: database.url });
});
afterAll(async () => {
  await proxy?.close();
  await database?.drop();
});

const died = (connection: DriverConnection) =>
  new Promise<Error>((resolve) => {
    connection.onClose(resolve);
  });

/** Once dead, always dead: nothing is sent any more, and nothing reconnects. */
async function expectDeadForGood(connection: DriverConnection): Promise<void> {
  const { connections } = proxy.traffic;
  expect(connection.closed).toBeInstanceOf(ConnectionLostError);
  await expect(connection.send(sql('SELECT 1'))).rejects.toThrow(ConnectionLostError);
  await expect(connection.sendSimple('SELECT 1')).rejects.toThrow(ConnectionLostError);
  await connection.cancel();
  await connection.close();
  connection.destroy();
  expect(await died(connection)).toBe(connection.closed);
  await new Promise((resolve) => setImmediate(resolve));
  expect(proxy.traffic.connections).toBe(connections);
}

describe.each(DRIVERS)('driver %s loses its connection', (driver) => {
  const open = () => openConnection(driver, proxy.url);

  test('while idle', async () => {
    const connection = await open();
    const death = died(connection);
    proxy.cutAll();
    expect(await death).toBeInstanceOf(ConnectionLostError);
    await expectDeadForGood(connection);
  });

  test.each([
    ['before a query reaches the server', 'to-server', () => true],
    ['before the answer', 'to-client', () => true],
    ['inside of the answer', 'to-client', (m: WireMessage) => m.type === 'D'],
    ['between the answer and ReadyForQuery', 'to-client', (m: WireMessage) => m.type === 'Z'],
  ] as const)('%s', async (_, direction, at) => {
    const connection = await open();
    const fault = proxy.inject({ direction, at, action: cut() });
    const results = await Promise.allSettled([
      connection.send(sql('SELECT g FROM generate_series(1, 5) AS g')),
      connection.send(sql('SELECT $1::TEXT', 'piped')),
      connection.sendSimple('SELECT 3'),
    ]);
    await fault.struck;
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(ConnectionLostError) });
    await expectDeadForGood(connection);
  });

  test.each(['BEGIN', 'BEGIN; SELECT 1/0'])('inside of a transaction: %s', async (text) => {
    const connection = await open();
    await connection.sendSimple(text).catch(() => {});
    const death = died(connection);
    proxy.cutAll();
    await death;
    await expectDeadForGood(connection);
  });

  test('terminated by the server while idle in a transaction', async () => {
    const connection = await open();
    await connection.sendSimple('BEGIN');
    const death = died(connection);
    if (testEngine() === 'postgresql') {
      const { rows } = await connection.send(sql('SELECT pg_backend_pid()'));
      await withAdmin(database.url, (admin) => admin.query('SELECT pg_terminate_backend($1)', [rows[0]![0]]));
    } else {
      const { rows } = await connection.sendSimple('SHOW session_id');
      await withAdmin(database.url, (admin) => admin.query(`CANCEL SESSION '${rows[0]![0]}'`));
      // CockroachDB closes a canceled session at its next statement.
      connection.sendSimple('SELECT 1').catch(() => {});
    }
    await death;
    await expectDeadForGood(connection);
  });

  test('discarded by its owner with statements under way', async () => {
    const connection = await open();
    proxy.inject({ direction: 'to-client', action: stall() });
    const sent = [connection.send(sql('SELECT 1')), connection.send(sql('SELECT 2'))];
    const settled = Promise.allSettled(sent);
    connection.destroy(new Error('enough'));
    for (const result of await settled)
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(ConnectionLostError) });
    proxy.calm();
    await expectDeadForGood(connection);
  });

  test('at every message of the start-up: ConnectError', async () => {
    for (const direction of ['to-server', 'to-client'] as const) {
      for (let n = 1; ; n++) {
        const fault = proxy.inject({ direction, at: n, startup: true, action: cut() });
        const outcome = await open().catch((error: unknown) => error);
        fault.remove();
        if (fault.strikes === 0) {
          (outcome as DriverConnection).destroy();
          break;
        }
        // What struck behind the last message of the start-up found it connected.
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ConnectError);
        else (outcome as DriverConnection).destroy();
      }
    }
    await waitFor(() => proxy.open === 0);
  });
});
