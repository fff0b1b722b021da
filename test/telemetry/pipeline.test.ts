import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { each, Pipeline } from '../../src/pipeline/index.ts';
import { atRest, gate } from '../pipeline/support.ts';
import { isChildOf, only, type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';

let telemetry: RecordedTelemetry;
beforeAll(() => {
  telemetry = recordTelemetry();
});
afterAll(() => telemetry.stop());

test('a pipeline is a span, its stages are spans under it, and what they call is under them', async () => {
  const failure = new TypeError('no message of it is told');
  const spans = await telemetry.during(async () => {
    const inner = new Pipeline([each<number>('deep', () => {})], { name: 'inner' });
    const nesting = each<number>('nesting', async () => void (await inner.run([1, 2])));
    await new Pipeline([nesting], { name: 'outer' }).run([1]);
    const failing = each<number>('failing', () => {
      throw failure;
    });
    await new Pipeline([failing], { name: 'broken' }).run([1]).catch(() => {});
  });
  const [outer, inner, deep] = ['pipeline outer', 'pipeline inner', 'stage deep'].map((name) =>
    only(spans, name),
  );
  expect(isChildOf(only(spans, 'stage nesting'), outer!)).toBe(true);
  expect(isChildOf(inner!, only(spans, 'stage nesting'))).toBe(true);
  expect(isChildOf(deep!, inner!)).toBe(true);
  expect(deep!.attributes).toMatchObject({
    'holdfast.pipeline': 'inner',
    'holdfast.pipeline.stage': 'deep',
    'holdfast.pipeline.items_in': 2,
    'holdfast.pipeline.items_out': 2,
    'holdfast.pipeline.waiting_ms': expect.any(Number),
  });
  for (const name of ['stage failing', 'pipeline broken'])
    expect(only(spans, name).attributes).toMatchObject({ 'error.type': 'TypeError' });
  expect(await telemetry.value('holdfast.pipeline.items', { pipeline: 'inner', stage: 'deep' })).toBe(2);
});

test('metrics grow while a stage runs', async () => {
  const end = gate();
  const running = new Pipeline([each<number>('any', () => {})], { name: 'long' }).run(async function* () {
    yield [1, 2, 3];
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_001);
    yield [4, 5];
    await end.opened;
  });
  await atRest();
  vi.restoreAllMocks();
  const attributes = { pipeline: 'long', stage: 'source' };
  expect(await telemetry.value('holdfast.pipeline.items', attributes)).toBe(5);
  const spent = { ...attributes, state: 'working' };
  expect(await telemetry.value('holdfast.pipeline.time', spent)).toBeGreaterThan(1);
  end.open();
  await running;
});
