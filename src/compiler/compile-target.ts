import path from 'node:path';
import { neverRuns } from '../database/forbidden.ts';
import { analyze } from './analyze.ts';
import type { AnalyzedQuery } from './analyzed.ts';
import type { QueryCache } from './cache/query-cache.ts';
import { type Diagnostic, problem, problemAt, type Report, SourceError } from './diagnostic.ts';
import type { Rebase } from './emit/imports.ts';
import { emitModule, functionName } from './emit/module.ts';
import { emitSchemasModule } from './emit/schemas-module.ts';
import { sharedTypes } from './emit/shared-types.ts';
import { emitTypesModule } from './emit/types-module.ts';
import type { Engine } from './engine/engine.ts';
import { runLints } from './lints/run.ts';
import { type OverrideProblem, overrideDiagnostic, unusedOverrides, wrongOverrides } from './overrides.ts';
import type { EngineQuery } from './source/engine-query.ts';
import { rewrite } from './source/parameters.ts';
import type { SourceQuery } from './source/query-file.ts';
import { readQueries } from './source/read-queries.ts';
import { slashed } from './source/source-file.ts';
import type { TargetFiles } from './sources.ts';
import { wrapWork } from './work-query.ts';

/** One target compiled in memory. */
export interface CompiledTarget {
  readonly files: TargetFiles;
  readonly queries: readonly AnalyzedQuery[];
  /** By file name. */
  readonly outputs: ReadonlyMap<string, string>;
  /** How many of the queries the cache held, so that the engine was not asked. */
  readonly known: number;
}

/** So many queries are in memory with their trees at a time. */
const lot = 1000;

/** Reads, describes, proves and writes (in memory) one target. Problems of single queries are reported. */
export async function compileTarget(
  files: TargetFiles,
  engine: Engine,
  report: Report,
  cache?: QueryCache,
): Promise<CompiledTarget> {
  const { target } = files;
  const read: SourceQuery[] = [];
  const engineQueries: EngineQuery[] = [];
  let misconfigured = false;
  const reportOverrides = (problems: readonly OverrideProblem[]) => {
    misconfigured ||= problems.length > 0;
    for (const problem of problems) report(overrideDiagnostic(target, problem));
  };
  const schema = new Set(files.schema.map(({ path }) => path));
  for (const file of files.queries) {
    for (const query of readQueries(file, target.dialect, report, schema.has(file.path))) {
      read.push(query);
      try {
        engineQueries.push(runnable(wrapWork(rewrite(query), engine.cockroach)));
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        report(error.diagnostic);
      }
    }
  }
  // Without a schema of its own, nobody knows what the database holds without asking it.
  const known = cache && files.schema.length > 0 ? await cache.open(files, engine) : undefined;
  const found = known ? known.lookUp(engineQueries, report) : new Map<EngineQuery, AnalyzedQuery>();
  const knownCount = found.size;
  const pending = engineQueries.filter((query) => !found.has(query));
  if (pending.length > 0 || engineQueries.length === 0) {
    const database = await engine.database(files.schema);
    reportOverrides(wrongOverrides(target, database.catalog));
    for (let at = 0; at < pending.length; at += lot) {
      const analyzed = await analyze(pending.slice(at, at + lot), database, target, report);
      for (const query of analyzed) {
        const said: Diagnostic[] = [];
        await runLints(query, database, target, (diagnostic) => said.push(diagnostic), files.ownLints);
        said.forEach(report);
        found.set(query.engineQuery, { ...query, tree: undefined });
        known?.add(query, said);
      }
    }
  }
  const queries = engineQueries.flatMap((query) => found.get(query) ?? []);
  reportOverrides(unusedOverrides(target, read, queries));
  // What is known is known under this configuration, which has to mean something.
  if (!misconfigured) await known?.save();
  const outputs = new Map<string, string>();
  for (const file of files.queries) {
    const own = queries.filter((query) => query.engineQuery.source.file === file);
    reportDoubles(own, report);
    if (own.length === 0) continue;
    const name = moduleName(file.path, files, outputs);
    if (outputs.has(name) || (name === 'types.ts' && sharedTypes(queries).length > 0))
      throw problemAt(
        file,
        0,
        'HF040',
        `two modules would be called ${name}`,
        'rename this file, or give it an output folder of its own',
      );
    const rebase = rebaseOf(name, files.out);
    const place = { root: files.root, path: path.resolve(files.out, name), rebase };
    outputs.set(name, emitModule(file, own, target, place));
    if (target.zod)
      outputs.set(name.replace(/\.ts$/, '.schemas.ts'), emitSchemasModule(file.path, own, rebase));
  }
  const shared = sharedTypes(queries);
  if (shared.length > 0) outputs.set('types.ts', emitTypesModule(shared, target));
  return { files, queries, outputs, known: knownCount };
}

/** Throws SourceError for what no transaction and no connection of Holdfast takes. */
function runnable(query: EngineQuery): EngineQuery {
  const complaint = query.work ? undefined : neverRuns(query.text);
  if (complaint === undefined) return query;
  throw problem(query.source, 'HF008', complaint, undefined, query.source.tokens[0]!.at);
}

/** Where the module of a file is, relative to `out`. */
function moduleName(
  file: string,
  { target, paths }: TargetFiles,
  others: ReadonlyMap<string, string>,
): string {
  const { dir, name } = path.posix.parse(file);
  if (target.beside !== undefined)
    return path.posix.relative(slashed(paths.out), `${dir || '.'}/${name}${target.beside}`);
  // The second file of a name is called after its folder too.
  return others.has(`${name}.ts`) ? `${path.posix.basename(dir)}_${name}.ts` : `${name}.ts`;
}

/** Imports are named relative to `out`: gives them relative to the module. */
function rebaseOf(module: string, out: string): Rebase {
  const folder = path.posix.dirname(module);
  if (folder === '.') return (from) => from;
  return (from) => {
    if (!from.startsWith('.')) return from;
    const relative = slashed(path.relative(path.resolve(out, folder), path.resolve(out, from)));
    return relative.startsWith('.') ? relative : `./${relative}`;
  };
}

function reportDoubles(queries: readonly AnalyzedQuery[], report: Report): void {
  const seen = new Set<string>();
  for (const query of queries) {
    const name = functionName(query);
    if (seen.has(name))
      report(
        problem(
          query.engineQuery.source,
          'HF006',
          `two queries would be called ${name}`,
          'rename one of them',
        ).diagnostic,
      );
    seen.add(name);
  }
}
