import { context, type Link, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';

/** The active context as the program's propagator writes it, to be kept beside what it led to. Null: there is none. */
export function traceContext(): Readonly<Record<string, string>> | null {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return Object.keys(carrier).length > 0 ? carrier : null;
}

/** Links to the spans whose context was kept: what was asked for at one time and done at another is no child of it. */
export function linksTo(...carriers: readonly unknown[]): Link[] {
  return carriers.flatMap((carrier) => {
    if (typeof carrier !== 'object' || carrier === null) return [];
    const kept = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier));
    return kept ? [{ context: kept }] : [];
  });
}
