import { context, propagation } from '@opentelemetry/api';

/** The active context as the program's propagator writes it, to be kept beside what it led to. Null: there is none. */
export function traceContext(): Readonly<Record<string, string>> | null {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return Object.keys(carrier).length > 0 ? carrier : null;
}

/** Runs it as part of the trace that was kept. */
export function withRemoteParent<T>(carrier: unknown, run: () => T): T {
  if (typeof carrier !== 'object' || carrier === null) return run();
  return context.with(propagation.extract(context.active(), carrier), run);
}
