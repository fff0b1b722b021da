import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { openEngine } from '../../src/compiler/engine/engine.ts';
import {
  compileTargets,
  engineFamily,
  QueryCache,
  readConfig,
  readTargets,
  writeTargets,
} from '../../src/compiler/index.ts';
import { type CorpusQuery, corpus, pgtypedText, schemaText, sqlcText } from './corpus.ts';

const perFile = 50;
const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** A folder with a corpus of queries, as a project would have it. */
export class CorpusProject implements AsyncDisposable {
  readonly folder: string;
  readonly #queries: CorpusQuery[];
  #changes = 0;

  private constructor(folder: string, queries: CorpusQuery[]) {
    this.folder = folder;
    this.#queries = queries;
  }

  static async create(count: number): Promise<CorpusProject> {
    const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-bench-'));
    const queries = corpus(count);
    await mkdir(path.join(folder, 'queries'));
    await mkdir(path.join(folder, 'pgtyped'));
    await writeFile(path.join(folder, 'schema.sql'), schemaText());
    for (let i = 0; i < count; i += perFile) {
      const part = queries.slice(i, i + perFile);
      await writeFile(path.join(folder, `queries/file${i / perFile}.sql`), sqlcText(part));
      await writeFile(path.join(folder, `pgtyped/file${i / perFile}.sql`), pgtypedText(part));
    }
    const config = { compile: [{ queries: 'queries', schema: 'schema.sql', out: 'out' }] };
    await writeFile(path.join(folder, 'holdfast.config.json'), JSON.stringify(config));
    return new CorpusProject(folder, queries);
  }

  /** Takes away what was written and what is known. */
  async forget(): Promise<void> {
    for (const name of ['out', '.holdfast'])
      await rm(path.join(this.folder, name), { recursive: true, force: true });
  }

  /** All of the compiler's work in this process, beyond starting the engine. */
  async compile(url: string): Promise<void> {
    const config = await readConfig(path.join(this.folder, 'holdfast.config.json'));
    const targets = await readTargets(config);
    const engine = await openEngine({ url });
    const { compiled, diagnostics } = await compileTargets(targets, engine, new QueryCache(config));
    const error = diagnostics.find((diagnostic) => diagnostic.severity === 'error');
    if (error) throw new Error(error.message);
    await writeTargets(config, compiled, engineFamily(engine.version), diagnostics);
    await engine.close();
  }

  /** The command as a user has it: built, in a process of its own. Gives what it printed. */
  async command(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'compile', ...args], {
      cwd: this.folder,
      maxBuffer: 1 << 28,
    });
    return stdout;
  }

  /** Gives the first query a text that nobody has seen. */
  async change(): Promise<void> {
    const [first, ...rest] = this.#queries;
    const changed = { ...first!, sql: `${first!.sql} AND size < ${++this.#changes}` };
    await writeFile(
      path.join(this.folder, 'queries/file0.sql'),
      sqlcText([changed, ...rest.slice(0, perFile - 1)]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
