import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { PrometheusReader } from './prometheus.ts';

export interface Sdk {
  /** Writes the metrics as Prometheus reads them. */
  readonly answer: RequestListener;
  /** Sends what is left. */
  stop(): Promise<void>;
}

/** Registers providers with the API. `OTEL_RESOURCE_ATTRIBUTES` adds to what the process says of itself. */
export function register(
  service: string,
  to: { readonly traces: boolean; readonly metrics: boolean; readonly prometheus: boolean },
): Sdk {
  // Without an id, a collector takes the replicas of a service for one, and their counts for the same.
  const itself = { 'service.name': service, 'service.instance.id': randomUUID() };
  const resource = defaultResource()
    .merge(resourceFromAttributes(itself))
    .merge(detectResources({ detectors: [envDetector] }));
  const prometheus = new PrometheusReader();
  const meterProvider = new MeterProvider({
    resource,
    readers: [
      ...(to.metrics ? [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })] : []),
      ...(to.prometheus ? [prometheus] : []),
    ],
  });
  metrics.setGlobalMeterProvider(meterProvider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const tracerProvider = to.traces
    ? new TracerProvider({
        resource,
        spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
      })
    : undefined;
  if (tracerProvider) trace.setGlobalTracerProvider(tracerProvider);
  return {
    answer: (request, response) => prometheus.getMetricsRequestHandler(request, response),
    stop: async () => {
      await Promise.allSettled([tracerProvider?.shutdown(), meterProvider.shutdown()]);
    },
  };
}
