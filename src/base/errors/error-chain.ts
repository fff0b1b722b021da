/**
 * An error and everything it wraps, outermost first: `cause` at any depth, the members of an AggregateError, an
 * `error` property. Cycles end the walk.
 */
export function* errorChain(error: unknown): Generator<object> {
  const seen = new Set<unknown>();
  const open = [error];
  while (open.length > 0) {
    const link = open.shift();
    if (link === null || typeof link !== 'object' || seen.has(link)) continue;
    seen.add(link);
    yield link;
    const { cause, errors, error: wrapped } = link as { cause?: unknown; errors?: unknown; error?: unknown };
    open.push(cause, wrapped, ...(Array.isArray(errors) ? errors : []));
  }
}
