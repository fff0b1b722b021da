import { SpanKind } from '@opentelemetry/api';
import { afterAll, expect, test } from 'vitest';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { cockroach, describeTransact, insert } from './fixture.ts';

const telemetry = recordTelemetry();
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
});
