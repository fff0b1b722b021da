import {
  type Attributes,
  context,
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { DB_RESPONSE_STATUS_CODE, ERROR_TYPE } from './attributes.ts';
import { errorFacts } from './error-facts.ts';
import { activeTracer } from './providers.ts';

/** A span as the code inside of it sees it. */
export interface OperationSpan {
  set(attributes: Attributes): void;
  /** The operation goes on to its normal end, but counts as failed. */
  fail(error: unknown): void;
}

const silentSpan: OperationSpan = { set: () => {}, fail: () => {} };

/**
 * Runs a part of the program in an INTERNAL span whose context is active in all of it: what it calls becomes
 * its child. `links`: the spans that asked for it at another time. Without a tracer provider it is a plain call.
 */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  run: (span: OperationSpan) => Promise<T>,
  links: () => Link[] = () => [],
): Promise<T> {
  const tracer = activeTracer();
  if (!tracer) return run(silentSpan);
  const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes, links: links() });
  return context.with(trace.setSpan(context.active(), span), async () => {
    try {
      return await run({
        set: (more) => span.setAttributes(more),
        fail: (error) => markFailed(span, error),
      });
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Says that it failed and by which kind of error; the message stays away, since it can quote values. */
export function markFailed(span: Span, error: unknown): void {
  span.setAttributes(failureAttributes(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

export function failureAttributes(error: unknown): Attributes {
  const { type, sqlState } = errorFacts(error);
  return {
    [ERROR_TYPE]: type,
    ...(sqlState === undefined ? {} : { [DB_RESPONSE_STATUS_CODE]: sqlState }),
  };
}
