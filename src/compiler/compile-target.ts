import { analyze } from './analyze.ts';
import type { AnalyzedQuery } from './analyzed.ts';
import { type CompiledTarget, moduleName, type TargetFiles } from './compile.ts';
import { type Diagnostic, SourceError } from './diagnostic.ts';
import { emitModule, functionName, sharedTypes } from './emit/module.ts';
import { emitSchemasModule } from './emit/schemas-module.ts';
import { emitTypesModule } from './emit/types-module.ts';
import type { Engine } from './engine/engine.ts';
import { runLints } from './lints/run.ts';
import { type EngineQuery, rewrite } from './source/parameters.ts';
import { readQueries } from './source/read-queries.ts';
import { wrapWork } from './work-query.ts';

/** So many queries are in memory with their trees at a time. */
const lot = 1000;

/** Reads, describes, proves and writes (in memory) one target. Problems of single queries are reported. */
export async function compileTarget(
  files: TargetFiles,
  engine: Engine,
  report: (diagnostic: Diagnostic) => void,
): Promise<CompiledTarget> {
  const { target } = files;
  const engineQueries: EngineQuery[] = [];
  for (const file of files.queries) {
    for (const query of readQueries(file, target.dialect, report)) {
      try {
        engineQueries.push(wrapWork(rewrite(query), engine.cockroach));
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        report(error.diagnostic);
      }
    }
  }
  const database = await engine.database(files.schema);
  const queries: AnalyzedQuery[] = [];
  for (let at = 0; at < engineQueries.length; at += lot) {
    const analyzed = await analyze(engineQueries.slice(at, at + lot), database, target, report);
    await runLints(analyzed, database.catalog, target, report);
    for (const query of analyzed) queries.push({ ...query, tree: undefined });
  }
  const outputs = new Map<string, string>();
  for (const file of files.queries) {
    const own = queries.filter((query) => query.source.file === file);
    reportDoubles(own, report);
    const name = moduleName(file.path);
    if (outputs.has(name) || (name === 'types.ts' && sharedTypes(queries).length > 0))
      throw new SourceError({
        severity: 'error',
        code: 'HF040',
        message: `two modules would be called ${name}`,
        hint: 'rename this file, or give it an output folder of its own',
        file,
        at: 0,
      });
    if (own.length === 0) continue;
    outputs.set(name, emitModule(file.path, own, target));
    if (target.zod) outputs.set(name.replace(/\.ts$/, '.schemas.ts'), emitSchemasModule(file.path, own));
  }
  const shared = sharedTypes(queries);
  if (shared.length > 0) outputs.set('types.ts', emitTypesModule(shared, target));
  return { files, queries, outputs };
}

function reportDoubles(queries: readonly AnalyzedQuery[], report: (diagnostic: Diagnostic) => void): void {
  const seen = new Set<string>();
  for (const query of queries) {
    const name = functionName(query);
    if (seen.has(name))
      report({
        severity: 'error',
        code: 'HF006',
        message: `two queries would be called ${name}`,
        hint: 'rename one of them',
        file: query.source.file,
        at: query.source.nameAt,
        query: query.source.name,
      });
    seen.add(name);
  }
}
