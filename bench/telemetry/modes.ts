import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

/**
 * silent: without telemetry in the code. twin: the same again, so that what two like services differ by is known. off:
 * with it, no provider registered. metrics: no tracer provider. not sampled: metrics, and spans that are not recorded.
 * OTLP: both, sent to another process by OTLP/HTTP.
 */
export const MODES = ['silent', 'twin', 'off', 'metrics', 'not sampled', 'OTLP'] as const;
export type Mode = (typeof MODES)[number];

/** Whether telemetry is in the code at all. */
export const hasTelemetry = (mode: Mode) => mode !== 'silent' && mode !== 'twin';

export interface Providers {
  readonly spans: TracerProvider | undefined;
  readonly metrics: MeterProvider;
  /** Nothing is on its way to the collector. */
  settled(): Promise<unknown>;
}

/** `sending`: what is on its way. */
function observed(exporter: SpanExporter, sending: Set<Promise<void>>): SpanExporter {
  return {
    export(spans, done) {
      const sent = new Promise<void>((resolve) =>
        exporter.export(spans, (result) => {
          done(result);
          resolve();
        }),
      );
      sending.add(sent);
      sent.finally(() => sending.delete(sent));
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

/**
 * Registers what the mode stands for. Spans leave when a batch is full (512) and never by the clock, so that a
 * process pays for its own within its turn, and for nothing outside of it.
 */
export function register(mode: Mode, collector: string): Providers | undefined {
  if (!hasTelemetry(mode) || mode === 'off') return undefined;
  const sending = new Set<Promise<void>>();
  const exporter = observed(new OTLPTraceExporter({ url: `${collector}/v1/traces` }), sending);
  const spanProcessors = [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 3_600_000 })];
  const metricExporter = new OTLPMetricExporter({ url: `${collector}/v1/metrics` });
  const providers: Providers = {
    settled: () => Promise.all(sending),
    spans:
      mode === 'metrics'
        ? undefined
        : new TracerProvider({
            spanProcessors,
            ...(mode === 'not sampled' ? { sampler: new AlwaysOffSampler() } : {}),
          }),
    metrics: new MeterProvider({
      readers: [
        new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 60_000 }),
      ],
    }),
  };
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  if (providers.spans) trace.setGlobalTracerProvider(providers.spans);
  metrics.setGlobalMeterProvider(providers.metrics);
  return providers;
}
