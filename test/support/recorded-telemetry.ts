import { context, metrics, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

export type { ReadableSpan };

/** Registers the SDK with exporters that keep everything in memory. Call `stop` before the file ends. */
export function recordTelemetry({ sampler }: { sampler?: Sampler } = {}) {
  const spanExporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })],
    ...(sampler ? { sampler } : {}),
  });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  const meterProvider = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
  return {
    /** Ended spans since the last reset, oldest first. */
    async spans(): Promise<ReadableSpan[]> {
      await tracerProvider.forceFlush();
      return spanExporter.getFinishedSpans();
    },
    /** The spans that `run` ended. */
    async during(run: () => Promise<unknown>): Promise<ReadableSpan[]> {
      await tracerProvider.forceFlush();
      spanExporter.reset();
      await run();
      return this.spans();
    },
    /** Data points of a metric, as they are now. */
    async points(name: string): Promise<DataPoint<unknown>[]> {
      metricExporter.reset();
      await meterProvider.forceFlush();
      return metricExporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => dataPoints as DataPoint<unknown>[]);
    },
    /** Every metric that has data now. */
    async metrics() {
      metricExporter.reset();
      await meterProvider.forceFlush();
      const all = metricExporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
      return all.map((metric) => ({
        name: metric.descriptor.name,
        unit: metric.descriptor.unit,
        kind:
          metric.dataPointType === DataPointType.HISTOGRAM
            ? ('histogram' as const)
            : metric.dataPointType === DataPointType.SUM && metric.isMonotonic
              ? ('counter' as const)
              : ('gauge' as const),
        keys: [...new Set(metric.dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))],
      }));
    },
    /** Value of the counter or gauge with exactly these attributes; 0 when there is none. */
    async value(name: string, attributes: Record<string, unknown>): Promise<number> {
      const wanted = JSON.stringify(Object.entries(attributes).sort());
      const point = (await this.points(name)).find(
        (one) => JSON.stringify(Object.entries(one.attributes).sort()) === wanted,
      );
      return (point?.value as number | undefined) ?? 0;
    },
    async stop(): Promise<void> {
      trace.disable();
      metrics.disable();
      context.disable();
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
    },
  };
}

export type RecordedTelemetry = ReturnType<typeof recordTelemetry>;

/** The only span of that name. */
export function only(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.filter((span) => span.name === name);
  if (found.length !== 1)
    throw new Error(
      `${found.length} spans are named ${name}; there are: ${spans.map((s) => s.name).join(', ')}`,
    );
  return found[0]!;
}

export const isChildOf = (child: ReadableSpan, parent: ReadableSpan) =>
  child.parentSpanContext?.spanId === parent.spanContext().spanId &&
  child.spanContext().traceId === parent.spanContext().traceId;

export const clients = (spans: readonly ReadableSpan[]) =>
  spans.filter(({ kind }) => kind === SpanKind.CLIENT);
