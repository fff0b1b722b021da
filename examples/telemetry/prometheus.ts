import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { CollectionResult, MetricReader } from '@opentelemetry/sdk-metrics';

/** Units that Prometheus has in the names of metrics. */
const UNITS: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

/**
 * Metrics under the names that a collector gives them on their way to Prometheus, so that dashboards find them whichever way they
 * come: `db.client.operation.duration` is `db_client_operation_duration_seconds`. The exporter itself leaves the unit away.
 */
export class PrometheusReader extends PrometheusExporter {
  constructor() {
    super({ preventServerStart: true, withoutScopeInfo: true });
  }

  override async collect(...options: Parameters<MetricReader['collect']>): Promise<CollectionResult> {
    const { resourceMetrics, errors } = await super.collect(...options);
    const scopeMetrics = resourceMetrics.scopeMetrics.map((scope) => ({
      ...scope,
      metrics: scope.metrics.map((metric) => ({
        ...metric,
        descriptor: { ...metric.descriptor, name: nameOf(metric.descriptor) },
      })),
    }));
    return { errors, resourceMetrics: { ...resourceMetrics, scopeMetrics } };
  }
}

function nameOf({ name, unit }: { readonly name: string; readonly unit: string }): string {
  const suffix = UNITS[unit];
  return suffix === undefined || name.endsWith(suffix) ? name : `${name}.${suffix}`;
}
