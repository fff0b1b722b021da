import type { AnalyzedQuery } from './analyzed.ts';
import type { CompiledTarget } from './compile.ts';
import type { Diagnostic } from './diagnostic.ts';

const code = 'HL010';

/**
 * Compares what two engines made of the same queries: a query that they type differently is a warning,
 * HL010, at its name. Nullability is left out: the engines do not prove alike.
 */
export function dualVerdict(
  first: { readonly version: string; readonly compiled: readonly CompiledTarget[] },
  second: { readonly version: string; readonly compiled: readonly CompiledTarget[] },
): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const [t, target] of first.compiled.entries())
    for (const query of target.queries) {
      const { file, name, nameAt, notes } = query.engineQuery.source;
      const other = second.compiled[t]?.queries.find(
        ({ engineQuery: { source } }) => source.name === name && source.file.path === file.path,
      );
      if (!other || notes.some((note) => note.key === 'lint:ignore' && note.value.startsWith(code))) continue;
      for (const difference of differences(query, other, first.version, second.version))
        found.push({
          severity: 'warning',
          code,
          message: `${name}: ${difference}`,
          hint: `cast it, so that both engines agree (or -- lint:ignore ${code} reason)`,
          file,
          at: nameAt,
          query: name,
        });
    }
  return found;
}

function* differences(a: AnalyzedQuery, b: AnalyzedQuery, left: string, right: string): Generator<string> {
  for (const [kind, xs, ys] of [
    ['parameter', a.params, b.params],
    ['column', a.columns, b.columns],
  ] as const) {
    if (xs.length !== ys.length) yield `${xs.length} ${kind}s on ${left}, ${ys.length} on ${right}`;
    else
      for (const [i, x] of xs.entries())
        if (x.sqlType !== ys[i]!.sqlType)
          yield `${kind} ${x.field} is ${x.sqlType} on ${left} and ${ys[i]!.sqlType} on ${right}`;
  }
}
