import { type Attributes, type Context, context, SpanKind, type Tracer } from '@opentelemetry/api';
import { SERVER_ADDRESS, SERVER_PORT } from './attributes.ts';
import type { Instruments } from './instruments.ts';
import type { ServerAddress } from './observer.ts';
import { failureAttributes, markFailed } from './span.ts';
import { type StatementFacts, spanOnly } from './statement-facts.ts';

/** What a statement is recorded with; either half may be missing. */
export interface StatementRecorder {
  readonly tracer: Tracer | undefined;
  readonly instruments: Instruments | undefined;
  /** System and database. */
  readonly database: Attributes;
  readonly server: ServerAddress | undefined;
  readonly parent?: Context | undefined;
}

/** Runs a statement, or several sent as one, in a CLIENT span, and measures it. Calls `run` at once. */
export function recordStatement<T>(
  recorder: StatementRecorder,
  facts: StatementFacts,
  count: number,
  run: () => Promise<T>,
): Promise<T> {
  const { tracer, instruments, server } = recorder;
  const attributes: Attributes = { ...recorder.database, ...facts.attributes };
  if (server) {
    attributes[SERVER_ADDRESS] = server.host;
    attributes[SERVER_PORT] = server.port;
  }
  const span = tracer?.startSpan(
    facts.summary,
    { kind: SpanKind.CLIENT, attributes: { ...attributes, ...spanOnly(facts, count) } },
    recorder.parent ?? context.active(),
  );
  const started = performance.now();
  return run().then(
    (result) => {
      instruments?.duration.record((performance.now() - started) / 1_000, attributes);
      span?.end();
      return result;
    },
    (error: unknown) => {
      instruments?.duration.record((performance.now() - started) / 1_000, {
        ...attributes,
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
