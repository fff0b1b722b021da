/** What a program registers to be seen. Nothing of it is loaded while nobody asks for it. */
import { type Address, listenForSmall } from './small-server.ts';

export { type Address, listenForSmall } from './small-server.ts';

export interface TelemetryOptions {
  /** `service.name` of what it sends. */
  readonly service: string;
  /** Where `/metrics` is served for Prometheus. Undefined: nowhere. */
  readonly metrics?: Address | undefined;
}

export interface Telemetry extends AsyncDisposable {
  /** Of `/metrics`, when it is served. */
  readonly url: string | undefined;
}

/** Variables of OpenTelemetry that say where a collector listens. */
const COLLECTORS = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
] as const;

/**
 * Registers the SDK: spans and metrics go by OTLP/HTTP to the collector that OpenTelemetry's own variables name, and metrics are
 * served for Prometheus at `metrics`. With neither, it does nothing. Dispose of it last: it sends what is left. Rejects with the
 * system's error when it cannot listen.
 */
export async function startTelemetry({ service, metrics }: TelemetryOptions): Promise<Telemetry> {
  const sends = (signal: 'TRACES' | 'METRICS') =>
    COLLECTORS.some((name) => process.env[name] && (name === COLLECTORS[0] || name.includes(signal)));
  if (process.env['OTEL_SDK_DISABLED'] === 'true' || !(metrics || sends('TRACES') || sends('METRICS')))
    return { url: undefined, [Symbol.asyncDispose]: async () => {} };
  const { register } = await import('./register.ts');
  const sdk = register(service, {
    traces: sends('TRACES'),
    metrics: sends('METRICS'),
    prometheus: metrics !== undefined,
  });
  try {
    const listening =
      metrics &&
      (await listenForSmall(metrics, (request, response) => {
        if (request.url === '/metrics') sdk.answer(request, response);
        else response.writeHead(404).end('there is /metrics\n');
      }));
    return {
      url: listening && `${listening.url}/metrics`,
      [Symbol.asyncDispose]: async () => {
        listening?.server.close();
        listening?.server.closeAllConnections();
        await sdk.stop();
      },
    };
  } catch (error) {
    await sdk.stop();
    throw error;
  }
}
