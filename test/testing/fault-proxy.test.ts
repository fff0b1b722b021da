import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ConnectionLostError } from '../../src/base/index.ts';
import type { DriverConnection } from '../../src/database/index.ts';
import {
  cut,
  delay,
  dropReply,
  type FaultProxy,
  misreport,
  refuse,
  stall,
  startFaultProxy,
  trickle,
} from '../../src/testing/index.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';
import { openConnection } from '../support/driver-connection.ts';
import { sql } from '../support/sql.ts';

let database: TestDatabase;
let proxy: FaultProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startFaultProxy({ url: database.url });
  const setup = await openConnection('pg', database.url);
  await setup.send(sql('CREATE TABLE note (body TEXT NOT NULL)'));
  await setup.close();
});
afterAll(async () => {
  await proxy?.close();
  await database?.drop();
});

test('of several hosts each connection goes to the next one', async () => {
  await using first = await startFaultProxy({ url: database.url });
  await using second = await startFaultProxy({ url: database.url });
  const hosts = [first, second].map(({ port }) => `127.0.0.1:${port}`);
  const url = database.url.replace(/@[^/?]*/, `@${hosts}`);
  await using spread = await startFaultProxy({ url });
  const connections = [];
  for (let n = 0; n < 3; n++) connections.push(await openConnection('pg', spread.url));
  expect([first.open, second.open]).toEqual([2, 1]);
  for (const connection of connections) await connection.close();
});

describe.each(SUITE_DRIVERS)('fault proxy under %s', (driver) => {
  let connection: DriverConnection;
  let direct: DriverConnection;
  const open = async () => {
    connection = await openConnection(driver, proxy.url);
    direct = await openConnection(driver, database.url);
    await direct.send(sql('DELETE FROM note'));
  };
  const notes = async () =>
    (await direct.send(sql('SELECT body FROM note ORDER BY body'))).rows.map(([body]) => body);
  afterEach(async () => {
    proxy.calm();
    connection?.destroy();
    await direct?.close();
  });

  test('passes everything on unchanged and counts what goes through', async () => {
    await open();
    const one = await proxy.measure(() => connection.send(sql('SELECT $1::TEXT', 'ü')));
    expect(one.value.rows).toEqual([['ü']]);
    expect(one).toMatchObject({ statements: 1, roundTrips: 1, connections: 0 });
    const two = await proxy.measure(async () => {
      await connection.send(sql('SELECT 1'));
      await connection.send(sql('SELECT 2'));
    });
    expect(two).toMatchObject({ statements: 2, roundTrips: 2 });
    const sent = await proxy.measure(() =>
      Promise.all([
        connection.sendSimple('BEGIN'),
        connection.send(sql('SELECT $1::TEXT', 'a')),
        connection.sendSimple('COMMIT'),
      ]),
    );
    expect(sent).toMatchObject({ statements: 3, roundTrips: 1 });
  });

  test('a failed statement in a round trip does not spoil the count', async () => {
    await open();
    const sent = await proxy.measure(() =>
      Promise.allSettled([connection.send(sql('SELECT nonsense')), connection.send(sql('SELECT 1'))]),
    );
    expect(sent.roundTrips).toBe(1);
    expect(await proxy.measure(() => connection.send(sql('SELECT 1')))).toMatchObject({ roundTrips: 1 });
  });

  test('cuts before a message: the server never sees it', async () => {
    await open();
    const fault = proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => text?.includes('INSERT') ?? false,
      action: cut('before'),
    });
    await expect(connection.send(sql("INSERT INTO note (body) VALUES ('x')"))).rejects.toThrow(
      ConnectionLostError,
    );
    expect((await fault.struck).sql).toContain('INSERT');
    expect(connection.closed).toBeInstanceOf(ConnectionLostError);
    expect(await notes()).toEqual([]);
  });

  test('cuts after a message of the server: the client has it', async () => {
    await open();
    const fault = proxy.inject({
      direction: 'to-client',
      at: ({ type }) => type === 'Z',
      action: cut('after'),
    });
    const died = new Promise((resolve) => connection.onClose(resolve));
    expect((await connection.send(sql('SELECT 1'))).rows).toEqual([['1']]);
    await fault.struck;
    await died;
  });

  test('drops the reply: the statement is applied and the client never learns it', async () => {
    await open();
    proxy.inject({ direction: 'to-server', at: ({ type }) => type === 'Q', action: dropReply() });
    const first = connection.send(sql('SELECT 1'));
    const lost = connection.sendSimple("INSERT INTO note (body) VALUES ('applied')");
    const outcome = await Promise.allSettled([first, lost]);
    expect(outcome.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await notes()).toEqual(['applied']);
  });

  test.each(['client', 'server'] as const)('cuts the %s side alone', async (side) => {
    await open();
    const before = proxy.open;
    const fault = proxy.inject({ direction: 'to-server', action: cut('before', side) });
    const sent = connection.send(sql('SELECT 1'));
    sent.catch(() => {});
    await fault.struck;
    expect(proxy.open).toBe(before);
    if (side === 'client') await expect(sent).rejects.toThrow(ConnectionLostError);
    else expect(connection.closed).toBeUndefined();
    proxy.cutAll();
    await expect(sent).rejects.toThrow(ConnectionLostError);
  });

  test('stalls one way until released', async () => {
    await open();
    const fault = proxy.inject({ direction: 'to-client', action: stall() });
    let answered = false;
    const sent = connection.sendSimple("INSERT INTO note (body) VALUES ('held')").then(() => {
      answered = true;
    });
    await fault.struck;
    await waitFor(async () => (await notes()).length === 1);
    expect(answered).toBe(false);
    fault.release();
    await sent;
  });

  test('delays, and sends byte by byte', async () => {
    await open();
    const late = proxy.inject({ direction: 'to-client', action: delay(30) });
    const start = performance.now();
    await connection.send(sql('SELECT 1'));
    expect(performance.now() - start).toBeGreaterThanOrEqual(29);
    late.remove();
    proxy.inject({ direction: 'to-client', action: trickle(), times: Infinity });
    proxy.inject({ direction: 'to-server', action: trickle(), times: Infinity });
    const { rows } = await connection.send(sql('SELECT $1::TEXT, NULL', 'ünïcödé'));
    expect(rows).toEqual([['ünïcödé', null]]);
  });

  test('refuses a statement on the server, so that its transaction fails too', async () => {
    await open();
    proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => text?.startsWith('INSERT') ?? false,
      action: refuse('40001'),
    });
    const insert = sql('INSERT INTO note (body) VALUES ($1)', 'a');
    const results = await Promise.allSettled([
      connection.sendSimple('BEGIN'),
      connection.send(insert),
      connection.sendSimple('COMMIT'),
    ]);
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { code: '40001' } });
    expect(results[2]).toMatchObject({ status: 'fulfilled', value: { command: 'ROLLBACK' } });
    await connection.send(insert);
    expect(await notes()).toEqual(['a']);
  });

  test('refuses the very first statement of a connection, too', async () => {
    await open();
    proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => text === 'BEGIN',
      action: refuse('40001'),
    });
    connection.destroy();
    connection = await openConnection(driver, proxy.url);
    await expect(connection.sendSimple('BEGIN')).rejects.toMatchObject({ code: '40001' });
  });

  test('refuses a COMMIT: nothing is applied and the transaction is over', async () => {
    await open();
    proxy.inject({
      direction: 'to-server',
      at: ({ sql: text }) => text === 'COMMIT',
      action: refuse('40001', 'at commit'),
    });
    const results = await Promise.allSettled([
      connection.sendSimple('BEGIN'),
      connection.send(sql("INSERT INTO note (body) VALUES ('no')")),
      connection.sendSimple('COMMIT'),
    ]);
    expect(results[2]).toMatchObject({
      status: 'rejected',
      reason: { code: '40001', message: expect.stringMatching(/at commit/) },
    });
    await connection.send(sql("INSERT INTO note (body) VALUES ('yes')"));
    expect(await notes()).toEqual(['yes']);
  });

  test('misreports a statement and a COMMIT: carried out, and answered with an error', async () => {
    await open();
    const insert = sql("INSERT INTO note (body) VALUES ('applied')");
    for (const { at, failing } of [
      { at: 'BEGIN', failing: 0 },
      { at: 'INSERT', failing: 1 },
      { at: 'COMMIT', failing: 2 },
    ]) {
      await open();
      const fault = proxy.inject({
        direction: 'to-server',
        at: ({ type, sql: text }) => (type === 'Q' || type === 'E') && (text?.startsWith(at) ?? false),
        action: misreport('XXUUU', 'context canceled'),
      });
      const results = await Promise.allSettled([
        connection.sendSimple('BEGIN'),
        connection.send(insert),
        connection.sendSimple('COMMIT'),
      ]);
      expect(fault.strikes, at).toBe(1);
      expect(
        results.map(({ status }) => status === 'rejected'),
        at,
      ).toEqual([0, 1, 2].map((i) => i === failing));
      expect(results[failing], at).toMatchObject({
        reason: { code: 'XXUUU', message: expect.stringMatching(/context canceled/) },
      });
      expect(await notes(), at).toEqual(['applied']);
      await connection.sendSimple('SELECT 1');
    }
  });

  test('strikes at the nth message, and lets cancel requests through', async () => {
    await open();
    const fault = proxy.inject({ direction: 'to-server', at: 3, action: cut('after') });
    await connection.sendSimple('SELECT 1');
    await connection.sendSimple('SELECT 2');
    await Promise.allSettled([connection.sendSimple('SELECT 3')]);
    expect((await fault.struck).sql).toBe('SELECT 3');
    const other = await openConnection(driver, proxy.url);
    const passed = proxy.next(({ sql: text }) => text?.includes('pg_sleep') ?? false);
    const sleeping = other.send(sql('SELECT pg_sleep(60)'));
    sleeping.catch(() => {});
    await passed;
    const cancels = proxy.traffic.cancelRequests;
    // A cancel that arrives before the statement has begun does nothing: ask until it helped.
    let settled = false;
    void sleeping
      .catch(() => {})
      .then(() => {
        settled = true;
      });
    await waitFor(async () => {
      await other.cancel();
      return settled;
    });
    await expect(sleeping).rejects.toMatchObject({ code: '57014' });
    expect(proxy.traffic.cancelRequests).toBeGreaterThan(cancels);
    other.destroy();
  });
});

test('answers a request for TLS with no', async () => {
  const socket = connectSocket(proxy.port, '127.0.0.1');
  const request = Buffer.alloc(8);
  request.writeInt32BE(8, 0);
  request.writeInt32BE(80877103, 4);
  socket.write(request);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('N');
  socket.destroy();
});
