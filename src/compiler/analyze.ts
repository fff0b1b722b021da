import { acceptQueries } from './analysis/accept.ts';
import type { Accepted } from './analysis/accepted.ts';
import { analyzeColumns } from './analysis/columns.ts';
import { analyzeParams } from './analysis/params.ts';
import type { AnalyzedQuery } from './analyzed.ts';
import type { CompileTarget } from './config.ts';
import { problem, type Report, SourceError } from './diagnostic.ts';
import type { CompileDatabase } from './engine/engine.ts';
import { overrideDiagnostic, wrongQueryOverrides } from './overrides.ts';
import type { EngineQuery } from './source/engine-query.ts';
import { TypeResolver } from './types/resolve-type.ts';

/** Describes the queries of one target and works out types, nullability and names. Problems are reported. */
export async function analyze(
  queries: readonly EngineQuery[],
  database: CompileDatabase,
  target: CompileTarget,
  report: Report,
): Promise<AnalyzedQuery[]> {
  const resolver = new TypeResolver(database.catalog, target);
  const accepted = await acceptQueries(queries, database, report);
  const analyzed: AnalyzedQuery[] = [];
  for (const item of accepted) {
    try {
      analyzed.push(analyzeOne(item, database, target, resolver));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      report(error.diagnostic);
    }
  }
  return analyzed;
}

function analyzeOne(
  accepted: Accepted,
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): AnalyzedQuery {
  const { query, description, tree, text } = accepted;
  const types = new Map([
    ...description.params.map((oid, i) => [query.params[i]?.name ?? '', oid] as const),
    ...description.columns.map(({ name, typeOid }) => [name, typeOid] as const),
  ]);
  const [wrong] = wrongQueryOverrides(target, query.source.name, types, database.catalog);
  if (wrong) throw new SourceError(overrideDiagnostic(target, wrong));
  const params = analyzeParams(accepted, database, target, resolver);
  const silent = ['exec', 'execrows', 'batchexec'].includes(query.source.command);
  const { columns, embeds, row } = silent
    ? { columns: [], embeds: [], row: undefined }
    : analyzeColumns(accepted, params, database, target, resolver);
  checkCommand(query, description.columns.length);
  return {
    engineQuery: query,
    text,
    params,
    columns,
    embeds,
    row,
    tree,
  };
}

function checkCommand(query: EngineQuery, columns: number): void {
  const { command, name } = query.source;
  if (['one', 'maybe', 'many', 'iter', 'batchone', 'batchmany'].includes(command) && columns === 0)
    throw problem(
      query.source,
      'HF034',
      `${name} is :${command} but returns no columns`,
      'list what it gives behind SELECT or RETURNING, or make it :exec or :execrows',
    );
}
