import { type Context, context, SpanKind, type Tracer } from '@opentelemetry/api';
import type { Description } from './descriptions.ts';
import type { Instruments } from './instruments.ts';
import { failureAttributes, markFailed } from './span.ts';

/** Where a statement is recorded; either half may be missing. */
export interface StatementRecorder {
  readonly tracer: Tracer | undefined;
  readonly instruments: Instruments | undefined;
  readonly parent?: Context | undefined;
}

/** Runs a statement, or several sent as one, in a CLIENT span, and measures it. Calls `run` at once. */
export function recordStatement<T>(
  { tracer, instruments, parent }: StatementRecorder,
  summary: string,
  { metric, span: attributes }: Description,
  run: () => Promise<T>,
): Promise<T> {
  const span = tracer?.startSpan(summary, { kind: SpanKind.CLIENT, attributes }, parent ?? context.active());
  const started = performance.now();
  return run().then(
    (result) => {
      instruments?.duration.record((performance.now() - started) / 1_000, metric);
      span?.end();
      return result;
    },
    (error: unknown) => {
      instruments?.duration.record((performance.now() - started) / 1_000, {
        ...metric,
        ...failureAttributes(error),
      });
      if (span) {
        markFailed(span, error);
        span.end();
      }
      throw error;
    },
  );
}
