import { context, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { openTelemetry } from '../../src/telemetry/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { only, recordTelemetry } from '../support/recorded-telemetry.ts';
import { rows, sql } from '../support/sql.ts';

let db: Database;
beforeAll(async () => {
  const { url } = await createTestDatabase();
  db = await connect({ url });
});
afterAll(() => db?.close());

const telemetry = openTelemetry({ system: 'postgresql', namespace: 'n', hosts: [], pools: [] });

test('without a provider every transaction gets the same observer, which calls straight through', async () => {
  const one = telemetry.transaction({ name: 'one', readOnly: false });
  expect(telemetry.transaction({ name: 'two', readOnly: false })).toBe(one);
  const answer = new Promise<never>(() => {});
  expect(one.run(() => answer)).toBe(answer);
  expect(one.statement(sql('SELECT 1'), () => answer)).toBe(answer);
  expect(telemetry.statement(sql('SELECT 1'), undefined, () => answer)).toBe(answer);
});

test('a provider that is registered after connect is seen from the next transaction on, pools included', async () => {
  const recorded = recordTelemetry();
  const spans = await recorded.during(() => db.transact((tx) => rows(tx, 'SELECT 1'), { name: 'late' }));
  only(spans, 'late');
  expect(await recorded.points('db.client.connection.max')).not.toEqual([]);
  await recorded.stop();
  await db.transact((tx) => rows(tx, 'SELECT 1'), { name: 'off again' });
});

test('a transaction that is not sampled has no spans, still counts, and passes its decision on', async () => {
  const recorded = recordTelemetry({ sampler: new AlwaysOffSampler() });
  const spans = await recorded.during(() =>
    db.transact(
      async (tx) => {
        await rows(tx, 'SELECT 1');
        const active = trace.getActiveSpan()!;
        expect(active.isRecording()).toBe(false);
        expect(trace.isSpanContextValid(active.spanContext())).toBe(true);
      },
      { name: 'unsampled' },
    ),
  );
  expect(spans).toEqual([]);
  const retries = await recorded.points('holdfast.transaction.retries');
  expect(retries.map(({ attributes }) => attributes['transaction'])).toEqual(['unsampled']);
  await recorded.stop();
});

test('without a context manager statements are still children of their transaction', async () => {
  const recorded = recordTelemetry();
  context.disable();
  const spans = await recorded.during(() => db.transact((tx) => rows(tx, 'SELECT 1'), { name: 'plain' }));
  expect(only(spans, 'SELECT').parentSpanContext?.spanId).toBe(only(spans, 'plain').spanContext().spanId);
  await recorded.stop();
});

test('a batch is one span with its size; a batch of one is its statement, without a size', async () => {
  const recorded = recordTelemetry();
  const insert = (id: string) => ({
    ...sql('INSERT INTO t VALUES ($1)', id),
    name: 'AddT',
    operation: 'INSERT',
  });
  const spans = await recorded.during(async () => {
    const observer = telemetry.transaction({ name: 'x', readOnly: false });
    await observer.batch([insert('1'), insert('2')], async () => {});
    await observer.batch([insert('1')], async () => {});
    await observer.batch([insert('1'), sql('DELETE FROM t')], async () => {});
  });
  const two = only(spans, 'BATCH AddT').attributes;
  expect(two).toMatchObject({ 'db.operation.batch.size': 2, 'db.operation.name': 'BATCH INSERT' });
  expect(only(spans, 'AddT').attributes).not.toHaveProperty(['db.operation.batch.size']);
  expect(only(spans, 'BATCH').attributes).toMatchObject({
    'db.operation.batch.size': 2,
    'db.operation.name': 'BATCH',
    'db.query.text': 'INSERT INTO t VALUES ($1);\nDELETE FROM t',
  });
  await recorded.stop();
});
