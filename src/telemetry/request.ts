import { type Attributes, context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { HTTP_METHOD, HTTP_ROUTE, HTTP_STATUS } from './attributes.ts';
import { activeInstruments, activeTracer } from './providers.ts';
import { markFailed, type OperationSpan } from './span.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];

/**
 * Answers an HTTP request in a SERVER span, and measures it until the answer begins, after the semantic conventions for HTTP
 * servers. Neither has the path, nor anything else that the client wrote.
 */
export async function inRequest<T extends { readonly status: number }>(
  method: string,
  route: string,
  answer: (span: Pick<OperationSpan, 'fail'>) => Promise<T>,
): Promise<T> {
  const [tracer, instruments] = [activeTracer(), activeInstruments()];
  const attributes: Attributes = {
    [HTTP_METHOD]: METHODS.includes(method) ? method : '_OTHER',
    [HTTP_ROUTE]: route,
  };
  const name = `${attributes[HTTP_METHOD]} ${route}`;
  const span = tracer?.startSpan(name, { kind: SpanKind.SERVER, attributes });
  const started = performance.now();
  const run = async () => {
    const answered = await answer({ fail: (error) => span && markFailed(span, error) });
    const { status } = answered;
    const ended = { ...attributes, [HTTP_STATUS]: status };
    instruments?.requests.record((performance.now() - started) / 1_000, ended);
    span?.setAttribute(HTTP_STATUS, status);
    if (status >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    return answered;
  };
  try {
    return span ? await context.with(trace.setSpan(context.active(), span), run) : await run();
  } finally {
    span?.end();
  }
}
