import { type Counter, context, createContextKey, type Histogram, metrics } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  type Histogram as HistogramValue,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { afterEach, expect, test, vi } from 'vitest';
import { openTelemetry } from '../../src/telemetry/index.ts';
import { Measurements } from '../../src/telemetry/measurements.ts';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { sql } from '../support/sql.ts';

afterEach(() => {
  vi.useRealTimers();
});

const observed = () => openTelemetry({ system: 'postgresql', namespace: 'n', hosts: [], pools: [] });
const answer = { rows: [], columns: [], rowCount: 0, command: 'SELECT' };
const statement = () => observed().statement(sql('SELECT 1'), undefined, async () => answer);

test('a collection has every measurement that was made before it, and none twice', async () => {
  const recorded = recordTelemetry();
  const counted = async () => {
    const points = await recorded.points('db.client.operation.duration');
    return points.map(({ value }) => (value as HistogramValue).count);
  };
  for (let made = 0; made < 2_345; made++) await statement();
  expect(await counted()).toEqual([2_345]);
  expect(await counted()).toEqual([2_345]);
  await statement();
  expect(await counted()).toEqual([2_346]);
  await recorded.stop();
});

test('a view sees the context in which a measurement was made', async () => {
  const tenant = createContextKey('tenant');
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({
    readers: [reader],
    views: [
      {
        instrumentName: 'db.client.operation.duration',
        attributesProcessors: [{ process: (_, made) => ({ tenant: made?.getValue(tenant) as string }) }],
      },
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  metrics.setGlobalMeterProvider(provider);
  for (const name of ['north', 'south'])
    await context.with(context.active().setValue(tenant, name), () => statement());
  await provider.forceFlush();
  const found = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .filter(({ descriptor }) => descriptor.name === 'db.client.operation.duration')
    .flatMap(({ dataPoints }) => dataPoints.map(({ attributes }) => attributes['tenant']));
  expect(found).toEqual(['north', 'south']);
  metrics.disable();
  context.disable();
  await provider.shutdown();
});

/** An SDK that never asks for gauges. */
function uncollected() {
  const taken: number[] = [];
  const measurements = new Measurements();
  const take = (value: number) => void taken.push(value);
  return {
    taken,
    histogram: measurements.histogram({ record: take } as Partial<Histogram> as Histogram),
    counter: measurements.counter({ add: take } as Partial<Counter> as Counter),
  };
}

test('without a collection a thousand measurements are handed over, in the order in which they were made', () => {
  const { taken, histogram, counter } = uncollected();
  for (let made = 0; made < 999; made++) (made % 2 ? histogram.record : counter.add)(made);
  expect(taken).toEqual([]);
  histogram.record(999);
  expect(taken).toEqual(Array.from({ length: 1_000 }, (_, made) => made));
});

test('without a collection a measurement waits a second at most', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { taken, counter } = uncollected();
  counter.add(1);
  vi.advanceTimersByTime(600);
  counter.add(2);
  vi.advanceTimersByTime(399);
  expect(taken).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(taken).toEqual([1, 2]);
  counter.add(3);
  vi.advanceTimersByTime(1_000);
  expect(taken).toEqual([1, 2, 3]);
});
