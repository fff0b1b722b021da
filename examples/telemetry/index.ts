/** What a program registers to be seen. Nothing of it is loaded while nobody asks for it. */
import type { Server } from 'node:http';

/** Where somebody listens; port 0 takes a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

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
    const server = metrics && (await serve(metrics, sdk.answer));
    return {
      url: server && `${urlOf(server)}/metrics`,
      [Symbol.asyncDispose]: async () => {
        server?.close();
        server?.closeAllConnections();
        await sdk.stop();
      },
    };
  } catch (error) {
    await sdk.stop();
    throw error;
  }
}

/** Answers GET of `/metrics`, and nothing else. */
async function serve({ host, port }: Address, answer: RequestAnswer): Promise<Server> {
  const { createServer } = await import('node:http');
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics')
      response.writeHead(404).end('there is /metrics\n');
    else answer(request, response);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return server;
}

type RequestAnswer = import('node:http').RequestListener;

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as import('node:net').AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
