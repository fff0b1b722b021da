import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database, LeaseLostError, runControlLoop } from '../../src/index.ts';
import { claimMany, claimOne } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { isChildOf, only, type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';
import { rows } from '../support/sql.ts';

let telemetry: RecordedTelemetry;
beforeAll(() => {
  telemetry = recordTelemetry();
});
afterAll(() => telemetry.stop());

describe.each(SUITE_DRIVERS)('%s', (driver) => {
  let db: Database;
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
  });
  afterAll(() => db?.close());

  const component = `builder ${driver}`;
  const start = () => db.startSession({ component });
  const counted = (metric: string, attributes: object) => telemetry.value(metric, { ...attributes });

  test('a session start is a span with its statement inside, and is counted by component', async () => {
    const before = await counted('holdfast.sessions.started', { component });
    const spans = await telemetry.during(async () => {
      await using session = await start();
      expect(session.component).toBe(component);
    });
    const started = only(spans, 'start session');
    expect(started.kind).toBe(SpanKind.INTERNAL);
    expect(started.attributes).toEqual({ 'holdfast.component': component });
    expect(isChildOf(only(spans, 'StartSession'), started)).toBe(true);
    expect(await counted('holdfast.sessions.started', { component })).toBe(before + 1);
  });

  test('claim, finish, fail and cancel are spans around their transactions, and are counted by result', async () => {
    await using session = await start();
    const by = { component, kind: 'index' };
    const spans = await telemetry.during(async () => {
      const [one, two, three] = await claimMany(session, 'index', 3, () => ['1', '2', '3']);
      await one!.finish((tx) => rows(tx, 'SELECT 1'));
      await two!.fail('no');
      await three!.cancel();
    });
    const claim = only(spans, 'claim index');
    expect(claim.attributes).toEqual({
      'holdfast.work.kind': 'index',
      'holdfast.component': component,
      'holdfast.work.wanted': 3,
      'holdfast.work.claimed': 3,
    });
    for (const [outer, inner, statement] of [
      ['claim index', 'index candidates', 'SeenTokens'],
      ['finish index', 'index finished', undefined],
    ] as const) {
      expect(only(spans, outer).kind).toBe(SpanKind.INTERNAL);
      expect(isChildOf(only(spans, inner), only(spans, outer))).toBe(true);
      expect(only(spans, inner).attributes['holdfast.component']).toBe(component);
      if (statement) expect(isChildOf(only(spans, statement), only(spans, inner))).toBe(true);
    }
    expect(await counted('holdfast.work.started', by)).toBe(3);
    for (const result of ['finished', 'failed', 'canceled'])
      expect(await counted('holdfast.work.ended', { ...by, result })).toBe(1);
    expect(await counted('holdfast.transactions.started', { component })).toBeGreaterThanOrEqual(2);
  });

  test('the span of lost work says so by code', async () => {
    await using session = await start();
    const work = await claimOne(session, 'lose', () => ['x']);
    await rows(db, `UPDATE holdfast.work SET token = token + 1 WHERE kind = 'lose'`);
    const spans = await telemetry.during(() =>
      expect(work!.finish(async () => {})).rejects.toThrow(LeaseLostError),
    );
    const finish = only(spans, 'finish lose');
    expect(finish.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(finish.attributes['error.type']).toBe('HOLDFAST_LEASE_LOST');
    const failed = { component, 'error.type': 'HOLDFAST_LEASE_LOST' };
    expect(await counted('holdfast.transactions.failed', failed)).toBe(1);
  });

  test('a control loop keeps the context of its starter, and its handler runs inside a span', async () => {
    const handled: string[] = [];
    const todo = new Set(['good', 'bad']);
    const both = Promise.withResolvers<void>();
    const spans = await telemetry.during(() =>
      trace.getTracer('test').startActiveSpan('caller', async (caller) => {
        const loop = runControlLoop(db, {
          component,
          parallelism: 2,
          pollIntervalMs: 10,
          source: { kind: 'paint', candidates: () => [...todo] },
          handle: async (work) => {
            handled.push(trace.getActiveSpan()!.spanContext().spanId);
            todo.delete(work.target);
            if (todo.size === 0) both.resolve();
            await both.promise;
            if (work.target === 'bad') throw new TypeError('no paint');
            await work.finish((tx) => rows(tx, 'SELECT 2'));
          },
        });
        await both.promise;
        await loop.stop();
        caller.end();
      }),
    );
    const caller = only(spans, 'caller');
    const handles = spans.filter(({ name }) => name === 'handle paint');
    expect(handles.map((span) => span.spanContext().spanId).sort()).toEqual(handled.sort());
    for (const span of handles) {
      expect(isChildOf(span, caller)).toBe(true);
      expect(span.attributes).toMatchObject({
        'holdfast.work.kind': 'paint',
        'holdfast.component': component,
      });
    }
    const threw = handles.find(({ status }) => status.code === SpanStatusCode.ERROR)!;
    expect(threw.attributes['error.type']).toBe('TypeError');
    expect(isChildOf(only(spans, 'fail paint'), threw)).toBe(true);
    const finished = handles.find((span) => span !== threw)!;
    expect(isChildOf(only(spans, 'finish paint'), finished)).toBe(true);
    const { traceId } = caller.spanContext();
    expect(spans.every((span) => span.spanContext().traceId === traceId)).toBe(true);
  });
});
