import { SpanKind } from '@opentelemetry/api';
import { afterAll, expect, test } from 'vitest';
import { FakeClock } from '../../src/testing/index.ts';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { cockroach, describeTransact, insert } from './fixture.ts';

const telemetry = recordTelemetry();
const sum = (points: readonly { readonly value: unknown }[]) =>
  points.reduce((total, { value }) => total + Number(value), 0);
afterAll(() => telemetry.stop());

describeTransact('observability', (t) => {
  test('line 38: one INTERNAL span a transact, one CLIENT span a statement, an event a retry with its SQLSTATE', async () => {
    const db = await t.open();
    t.fail(/INSERT/);
    const spans = await telemetry.during(() =>
      db.transact((tx) => tx.execute(insert('o1')), { name: 'observed' }),
    );
    const [whole, ...others] = spans.filter(({ kind }) => kind === SpanKind.INTERNAL);
    expect(others).toEqual([]);
    expect(whole).toMatchObject({ name: 'observed' });
    expect(whole!.events.map(({ name }) => name)).toContain('retry');
    expect(whole!.events[0]!.attributes).toMatchObject({ 'db.response.status_code': '40001' });
    const statements = spans.filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(statements).toHaveLength(2);
    for (const { attributes } of statements) {
      expect(attributes['db.system.name']).toBe(cockroach ? 'cockroachdb' : 'postgresql');
      expect(attributes['db.query.text']).toBe(insert('o1').text);
      expect(attributes['server.port']).toBe(t.proxy.port);
      expect(attributes['db.operation.batch.size']).toBeUndefined();
    }
  });

  test('line 38: a retry is told of each attempt that was followed by another, not of one that it was to be', async () => {
    const again = () => Promise.reject(Object.assign(new Error('again'), { code: '40001' }));
    const told = async (run: () => Promise<unknown>) => {
      const before = await telemetry.points('holdfast.transactions.retried');
      const spans = await telemetry.during(() => expect(run()).rejects.toThrow());
      const after = await telemetry.points('holdfast.transactions.retried');
      const { attributes, events } = spans.find(({ name }) => name === 'retried')!;
      return {
        attempts: attributes['holdfast.transaction.attempts'],
        events: events.map((event) => event.attributes?.['holdfast.attempt']),
        counted: sum(after) - sum(before),
      };
    };
    const exhausted = () => t.db.transact(again, { name: 'retried', maxRetries: 3 });
    expect(await told(exhausted)).toEqual({ attempts: 4, events: [1, 2, 3], counted: 3 });
    const db = await t.open({ pool: { max: 1 } });
    await db.execute(insert('o2'));
    const aborted = async () => {
      // Time stands still, so nothing but the signal can end the pause.
      using _clock = new FakeClock();
      const controller = new AbortController();
      let attempts = 0;
      const running = db.transact(
        (_, { attempt }) => {
          attempts = attempt;
          return again();
        },
        { name: 'retried', signal: controller.signal },
      );
      running.catch(() => {});
      while (attempts < 2 || db.stats.busy > 0) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(new Error('enough'));
      return running;
    };
    expect(await told(aborted)).toEqual({ attempts: 2, events: [1], counted: 1 });
  });
});
