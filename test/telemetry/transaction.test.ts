import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import type { Executor, Statement } from '../../src/query/index.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, testEngine } from '../support/database.ts';
import {
  clients,
  isChildOf,
  only,
  type ReadableSpan,
  type RecordedTelemetry,
  recordTelemetry,
} from '../support/recorded-telemetry.ts';
import { rows, sql } from '../support/sql.ts';

let telemetry: RecordedTelemetry;
beforeAll(() => {
  telemetry = recordTelemetry();
});
afterAll(() => telemetry.stop());

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let database: TestDatabase;
  let db: Database;
  let server: URL;
  beforeAll(async () => {
    database = await createTestDatabase();
    server = new URL(database.url);
    db = await connect({ url: database.url, driver });
    await rows(db, 'CREATE TABLE account (id TEXT PRIMARY KEY, balance INT8 NOT NULL)');
    await rows(db, `INSERT INTO account VALUES ('a', 1), ('b', 1), ('c', 1)`);
  });
  afterAll(() => db?.close());

  const balance: Statement = {
    name: 'GetBalance',
    operation: 'SELECT',
    collection: 'account',
    text: 'SELECT balance FROM account WHERE id = $1',
    values: ['a'],
  };
  const deposit = (executor: Executor, id: string) =>
    executor.execute({
      name: 'Deposit',
      operation: 'UPDATE',
      collection: 'account',
      text: 'UPDATE account SET balance = balance + 1 WHERE id = $1',
      values: [id],
    });

  test('line 38: one INTERNAL span per transact, one CLIENT span per statement, by the stable conventions', async () => {
    const spans = await telemetry.during(() =>
      db.transact(
        async (tx) => {
          await tx.execute(balance);
          await deposit(tx, 'a');
        },
        { name: 'deposit' },
      ),
    );
    expect(spans).toHaveLength(3);
    const transaction = only(spans, 'deposit');
    expect(transaction.kind).toBe(SpanKind.INTERNAL);
    expect(transaction.status.code).toBe(SpanStatusCode.UNSET);
    expect(transaction.events).toEqual([]);
    expect(transaction.attributes).toEqual({
      'db.system.name': testEngine(),
      'db.namespace': database.name,
      'holdfast.transaction.attempts': 1,
      'holdfast.transaction.outcome': 'committed',
    });
    const statement = only(spans, 'GetBalance');
    expect(statement.kind).toBe(SpanKind.CLIENT);
    expect(isChildOf(statement, transaction)).toBe(true);
    expect(statement.attributes).toEqual({
      'db.system.name': testEngine(),
      'db.namespace': database.name,
      'db.query.text': 'SELECT balance FROM account WHERE id = $1',
      'db.query.summary': 'GetBalance',
      'db.operation.name': 'SELECT',
      'db.collection.name': 'account',
      'server.address': server.hostname,
      'server.port': Number(server.port),
    });
    expect(isChildOf(only(spans, 'Deposit'), transaction)).toBe(true);
  });

  test('a statement on its own is a CLIENT span, a child of the caller', async () => {
    const spans = await telemetry.during(() =>
      trace.getTracer('test').startActiveSpan('caller', async (span) => {
        await db.execute(balance);
        span.end();
      }),
    );
    expect(isChildOf(only(spans, 'GetBalance'), only(spans, 'caller'))).toBe(true);
    expect(only(spans, 'GetBalance').attributes['server.port']).toBe(Number(server.port));
  });

  test('a statement made by hand: operation from its first word, literals replaced', async () => {
    const spans = await telemetry.during(() => rows(db, `select 'secret', 42, $1::TEXT`, 'x'));
    expect(only(spans, 'SELECT').attributes).toMatchObject({
      'db.query.text': 'select ?, ?, $1::TEXT',
      'db.operation.name': 'SELECT',
    });
  });

  test('every attempt of a retried transaction is in one span, under the caller, with an event per retry', async () => {
    const before = await telemetry.value('holdfast.transactions.started', {});
    const spans = await telemetry.during(() =>
      trace.getTracer('test').startActiveSpan('caller', async (span) => {
        await db.transact(
          async (tx, { attempt }) => {
            await rows(tx, 'SELECT balance FROM account WHERE id = $1', 'b');
            if (attempt <= 2) await deposit(db, 'b');
            await deposit(tx, 'b');
          },
          { name: 'contended' },
        );
        span.end();
      }),
    );
    const caller = only(spans, 'caller');
    const transaction = only(spans, 'contended');
    expect(isChildOf(transaction, caller)).toBe(true);
    expect(transaction.attributes).toMatchObject({
      'holdfast.transaction.attempts': 3,
      'holdfast.transaction.outcome': 'committed',
    });
    expect(
      transaction.events.map(({ name, attributes }) => [name, attributes?.['holdfast.attempt']]),
    ).toEqual([
      ['retry', 1],
      ['retry', 2],
    ]);
    for (const { attributes } of transaction.events) {
      expect(attributes).toMatchObject({ 'db.response.status_code': '40001', 'error.type': '40001' });
      if (testEngine() === 'cockroachdb')
        expect(attributes?.['holdfast.retry.reason']).toMatch(/RETRY|TooOld/);
    }
    // Of both kinds: in the attempts and, between them, the deposits on their own connection.
    expect(clients(spans).every((span) => isChildOf(span, transaction))).toBe(true);
    const failed = clients(spans).filter(({ status }) => status.code === SpanStatusCode.ERROR);
    for (const { attributes } of failed) expect(attributes['db.response.status_code']).toBe('40001');
    expect(await telemetry.value('holdfast.transactions.started', {})).toBe(before + 1);
    const retries = (await telemetry.points('holdfast.transaction.retries')).find(
      ({ attributes }) => attributes['transaction'] === 'contended',
    );
    expect(retries?.value).toMatchObject({ max: 2 });
    const retried = await telemetry.points('holdfast.transactions.retried');
    expect(retried.some(({ attributes }) => attributes['error.type'] === '40001')).toBe(true);
  });

  test('a refused statement marks its span and its transaction, by SQLSTATE and without the message', async () => {
    const spans = await telemetry.during(async () => {
      const doomed = db.transact((tx) => rows(tx, `INSERT INTO account VALUES ($1, 1)`, 'a'), {
        name: 'doomed',
      });
      await expect(doomed).rejects.toMatchObject({ code: '23505' });
    });
    for (const span of [only(spans, 'doomed'), only(spans, 'INSERT')]) {
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
      expect(span.attributes).toMatchObject({ 'error.type': '23505', 'db.response.status_code': '23505' });
      expect(span.events).toEqual([]);
    }
    expect(only(spans, 'doomed').attributes['holdfast.transaction.outcome']).toBe('failed');
  });

  test("a callback's own error gives its class; an abort before the first attempt ends the span too", async () => {
    class OutOfStock extends Error {}
    const spans = await telemetry.during(async () => {
      await expect(
        db.transact(
          () => {
            throw new OutOfStock('none left');
          },
          { name: 'order' },
        ),
      ).rejects.toThrow(OutOfStock);
      const aborted = db.transact(async () => {}, { name: 'aborted', signal: AbortSignal.abort() });
      await expect(aborted).rejects.toThrow();
    });
    expect(only(spans, 'order').attributes['error.type']).toBe('OutOfStock');
    expect(only(spans, 'aborted').attributes).toMatchObject({
      'error.type': 'AbortError',
      'holdfast.transaction.attempts': 0,
    });
  });

  test('a nested transact is a span inside of its outer one', async () => {
    const spans = await telemetry.during(() =>
      db.transact(
        (tx) =>
          tx.transact((inner) => inner.execute(balance), {
            name: 'inner',
          }),
        { name: 'outer' },
      ),
    );
    expect(isChildOf(only(spans, 'inner'), only(spans, 'outer'))).toBe(true);
    expect(isChildOf(only(spans, 'GetBalance'), only(spans, 'inner'))).toBe(true);
    expect(only(spans, 'inner').attributes['holdfast.transaction.nested']).toBe(true);
  });

  test("a statement inside of the caller's own span is that span's child", async () => {
    const spans = await telemetry.during(() =>
      db.transact(
        (tx) =>
          trace.getTracer('test').startActiveSpan('mine', async (span) => {
            await tx.execute(balance);
            span.end();
          }),
        { name: 'outer' },
      ),
    );
    expect(isChildOf(only(spans, 'mine'), only(spans, 'outer'))).toBe(true);
    expect(isChildOf(only(spans, 'GetBalance'), only(spans, 'mine'))).toBe(true);
  });

  test('operations are measured in seconds, in the buckets of the conventions', async () => {
    await db.execute(sql('SELECT 1'));
    const points = await telemetry.points('db.client.operation.duration');
    const point = points.find(({ attributes }) => attributes['db.namespace'] === database.name);
    expect(point?.value).toMatchObject({
      buckets: { boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
    });
    expect((point!.value as { max: number }).max).toBeLessThan(10);
    expect(points.every(({ attributes }) => attributes['db.query.text'] === undefined)).toBe(true);
  });

  test('the pool is seen while the handle is open, and is empty afterwards', async () => {
    const second = await connect({ url: database.url, driver, pool: { max: 3 } });
    const name = `${server.hostname}:${server.port}/${database.name} main 2`;
    const pool = { 'db.client.connection.pool.name': name };
    expect(await telemetry.value('db.client.connection.max', pool)).toBe(3);
    await second.transact(async (tx) => {
      await rows(tx, 'SELECT 1');
      expect(
        await telemetry.value('db.client.connection.count', {
          ...pool,
          'db.client.connection.state': 'used',
        }),
      ).toBe(1);
    });
    await second.close();
    expect(await telemetry.value('db.client.connection.max', pool)).toBe(0);
  });
});

test('no span is left open or without its end time', async () => {
  const spans: ReadableSpan[] = await telemetry.spans();
  expect(spans.every(({ ended }) => ended)).toBe(true);
});
