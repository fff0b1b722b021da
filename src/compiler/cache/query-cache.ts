import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { AnalyzedQuery, Answer } from '../analyzed.ts';
import type { CompileConfig } from '../config.ts';
import type { Diagnostic, Report } from '../diagnostic.ts';
import type { Engine } from '../engine/engine.ts';
import { digest } from '../manifest.ts';
import type { EngineQuery } from '../source/engine-query.ts';
import type { TargetFiles } from '../sources.ts';
import { queryKey, statementAt, surroundingsOf } from './query-key.ts';

/** An answer, and what was said of its query; places count from where the statement begins. */
interface Entry {
  readonly answer: Answer;
  readonly warnings: readonly Pick<Diagnostic, 'code' | 'message' | 'hint' | 'at'>[];
}

const forgottenAfterMs = 30 * 24 * 3_600_000;
const checksum = (body: string) => createHash('sha256').update(body).digest('hex');

/**
 * What is known of single queries, in `.holdfast/compile` beside the configuration: one file a target and an engine. It is
 * an aid and never more: what cannot be read is compiled again, what cannot be written is compiled again next time.
 * Entries are found by the digest of all that they depend on (query-key.ts), and a file that is not whole holds none.
 */
export class QueryCache {
  readonly #folder: string;
  readonly #config: string;

  constructor(config: Pick<CompileConfig, 'root' | 'path'>) {
    this.#folder = path.join(config.root, '.holdfast', 'compile');
    this.#config = config.path;
  }

  /** The queries of one target that this engine need not be asked about again: two in turns do not forget each other's. */
  async open(files: TargetFiles, engine: Engine): Promise<KnownQueries> {
    const name = digest(this.#config, files.target.out, engine.version, engine.fingerprint);
    const file = path.join(this.#folder, `${name}.json`);
    const surroundings = await surroundingsOf(engine, files.schema, files.target, files.rules);
    const key = (query: EngineQuery) => queryKey(query, files.target, surroundings);
    return new KnownQueries(file, key, await readEntries(file));
  }
}

export class KnownQueries {
  readonly #file: string;
  readonly #key: (query: EngineQuery) => string;
  readonly #before: ReadonlyMap<string, Entry>;
  /** What this run knows; the rest is forgotten. */
  readonly #now = new Map<string, Entry>();

  constructor(file: string, key: (query: EngineQuery) => string, before: ReadonlyMap<string, Entry>) {
    this.#file = file;
    this.#key = key;
    this.#before = before;
  }

  /** Those of the queries that are known; what was said of them is said again. */
  lookUp(queries: readonly EngineQuery[], report: Report): Map<EngineQuery, AnalyzedQuery> {
    const found = new Map<EngineQuery, AnalyzedQuery>();
    for (const engineQuery of queries) {
      const key = this.#key(engineQuery);
      const entry = this.#before.get(key);
      if (!entry) continue;
      this.#now.set(key, entry);
      const { file, name } = engineQuery.source;
      for (const { at, ...said } of entry.warnings)
        report({
          ...said,
          severity: 'warning',
          file,
          at: statementAt(engineQuery.source) + at,
          query: name,
        });
      found.set(engineQuery, { ...entry.answer, engineQuery, tree: undefined });
    }
    return found;
  }

  add({ engineQuery, tree: _, ...answer }: AnalyzedQuery, said: readonly Diagnostic[]): void {
    const begin = statementAt(engineQuery.source);
    const warnings = said.map(({ code, message, hint, at }) => ({ code, message, hint, at: at - begin }));
    this.#now.set(this.#key(engineQuery), { answer, warnings });
  }

  async save(): Promise<void> {
    const { size } = this.#before;
    if (size === this.#now.size && size > 0 && [...this.#now.keys()].every((key) => this.#before.has(key)))
      return;
    const folder = path.dirname(this.#file);
    try {
      if (await mkdir(folder, { recursive: true }))
        // Nobody means to commit it.
        await writeFile(path.join(path.dirname(folder), '.gitignore'), '*\n', { flag: 'wx' }).catch(() => {});
      const body = JSON.stringify([...this.#now]);
      const temporary = `${this.#file}.${process.pid}`;
      await writeFile(temporary, `${checksum(body)}\n${body}`);
      await rename(temporary, this.#file);
      await forgetOthers(this.#file);
    } catch {
      // Read-only, full, or another run at the same moment: then the next run has more to do.
    }
  }
}

/** What a cache file holds; nothing when it is not whole, whatever the reason. */
async function readEntries(file: string): Promise<ReadonlyMap<string, Entry>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  if (end < 0 || text.slice(0, end) !== checksum(body)) return new Map();
  return new Map(JSON.parse(body) as [string, Entry][]);
}

/** What runs that were ended left of this file, and files that nobody has written for long: of targets that are no more. */
async function forgetOthers(file: string): Promise<void> {
  const folder = path.dirname(file);
  const own = path.basename(file);
  for (const name of await readdir(folder)) {
    if (name === own) continue;
    const { mtimeMs } = await stat(path.join(folder, name));
    if (name.startsWith(own) || mtimeMs < Date.now() - forgottenAfterMs)
      await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
