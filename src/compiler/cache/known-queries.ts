import type { AnalyzedQuery } from '../analyzed.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { Engine } from '../engine/engine.ts';
import type { EngineQuery } from '../source/engine-query.ts';
import type { TargetFiles } from '../sources.ts';
import { type CachedQuery, type Entries, fromCached, toCached } from './entries.ts';
import type { CachePart, QueryCache } from './query-cache.ts';
import { queryKey, surroundingsOf } from './query-key.ts';

/** The queries of one target that need not be asked about again. */
export class KnownQueries {
  readonly #part: CachePart;
  readonly #files: TargetFiles;
  readonly #surroundings: string;
  /** By source file: as read, and as they are now. */
  readonly #read: ReadonlyMap<string, Entries>;
  readonly #now = new Map<string, Map<string, CachedQuery>>();

  private constructor(
    part: CachePart,
    files: TargetFiles,
    surroundings: string,
    read: ReadonlyMap<string, Entries>,
  ) {
    this.#part = part;
    this.#files = files;
    this.#surroundings = surroundings;
    this.#read = read;
    for (const file of files.queries) this.#now.set(file.path, new Map());
  }

  static async open(cache: QueryCache, files: TargetFiles, engine: Engine): Promise<KnownQueries> {
    const part = cache.part(files.target.out, engine);
    const [surroundings, ...read] = await Promise.all([
      surroundingsOf(engine, files.schema, files.target, files.rules),
      ...files.queries.map(async (file) => [file.path, await part.read(file.path)] as const),
    ]);
    return new KnownQueries(part, files, surroundings, new Map(read));
  }

  #key(query: EngineQuery): string {
    return queryKey(query, this.#files.target, this.#surroundings);
  }

  /** Those of the queries that are known; what was said of them is said again. */
  lookUp(
    queries: readonly EngineQuery[],
    report: (diagnostic: Diagnostic) => void,
  ): Map<EngineQuery, AnalyzedQuery> {
    const found = new Map<EngineQuery, AnalyzedQuery>();
    for (const query of queries) {
      const { path } = query.source.file;
      const key = this.#key(query);
      const cached = this.#read.get(path)?.get(key);
      if (!cached) continue;
      this.#now.get(path)?.set(key, cached);
      const known = fromCached(cached, query);
      known.warnings.forEach(report);
      found.set(query, known.query);
    }
    return found;
  }

  add(query: AnalyzedQuery, said: readonly Diagnostic[]): void {
    this.#now.get(query.source.file.path)?.set(this.#key(query.engineQuery), toCached(query, said));
  }

  async save(): Promise<void> {
    const unchanged = [...this.#now]
      .filter(([path, now]) => {
        const read = this.#read.get(path);
        return read?.size === now.size && now.size > 0 && [...now.keys()].every((key) => read.has(key));
      })
      .map(([path]) => path);
    await this.#part.write(this.#now, new Set(unchanged));
  }
}
