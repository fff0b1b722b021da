import { type Attributes, context, SpanKind, trace } from '@opentelemetry/api';
import type { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { TracerProvider } from '@opentelemetry/sdk-trace';
import type { ObservedDatabase } from '../../src/telemetry/index.ts';

/** What one transaction of one statement asks of the SDK, and nothing else. */
export function sdkByHand(
  spans: TracerProvider,
  metrics: MeterProvider,
  { system, namespace, hosts }: Omit<ObservedDatabase, 'pools'>,
): () => Promise<void> {
  const { host, port } = hosts[0]!;
  const common: Attributes = { 'db.system.name': system, 'db.namespace': namespace };
  const ofMetric: Attributes = {
    ...common,
    'server.address': host,
    'server.port': port,
    'db.query.summary': 'One',
    'db.operation.name': 'SELECT',
  };
  const ofWhole: Attributes = { ...common, 'holdfast.processor': 'bench' };
  const ofSpan: Attributes = { ...ofMetric, 'db.query.text': 'SELECT 1' };
  const tracer = spans.getTracer('by hand');
  const meter = metrics.getMeter('by hand');
  const started = meter.createCounter('started');
  const retries = meter.createHistogram('retries');
  const duration = meter.createHistogram('duration');
  return async () => {
    const whole = tracer.startSpan('alone', { kind: SpanKind.INTERNAL, attributes: ofWhole });
    started.add(1, { processor: 'bench' });
    await context.with(trace.setSpan(context.active(), whole), async () => {
      const one = tracer.startSpan('One', { kind: SpanKind.CLIENT, attributes: ofSpan });
      duration.record(0.001, ofMetric);
      one.end();
      retries.record(0, { transaction: 'alone' });
      whole.setAttributes({
        'holdfast.transaction.attempts': 1,
        'holdfast.transaction.outcome': 'committed',
      });
      whole.end();
    });
  };
}
