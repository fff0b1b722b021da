import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CompileConfig } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import { digest } from '../manifest.ts';
import { type CachedQuery, type Entries, entriesText, readEntries } from './entries.ts';

const forgottenAfterMs = 30 * 24 * 3_600_000;

/**
 * What is known of single queries, in `.holdfast/compile` beside the configuration: one file a `.sql` file, a
 * target and an engine. It is an aid and never more: what cannot be read is compiled again, what cannot be
 * written is compiled again next time. Entries are found by the digest of all that they depend on
 * (query-key.ts), and a file that is not whole holds none.
 */
export class QueryCache {
  readonly #root: string;
  readonly #config: string;

  constructor(config: Pick<CompileConfig, 'root' | 'path'>) {
    this.#root = path.join(config.root, '.holdfast', 'compile');
    this.#config = config.path;
  }

  /** The part for one output folder and engine: two engines in turns do not forget each other's answers. */
  part(out: string, { version, fingerprint }: Pick<Engine, 'version' | 'fingerprint'>): CachePart {
    return new CachePart(this.#root, path.join(this.#root, digest(this.#config, out, version, fingerprint)));
  }
}

export class CachePart {
  readonly #root: string;
  readonly #folder: string;

  constructor(root: string, folder: string) {
    this.#root = root;
    this.#folder = folder;
  }

  #file(source: string): string {
    return path.join(this.#folder, `${digest(source)}.json`);
  }

  /** Parts that nobody has written to for long: of an engine, or an output, that is no more. */
  async #forgetOthers(): Promise<void> {
    for (const name of await readdir(this.#root)) {
      const part = path.join(this.#root, name);
      if ((await stat(part)).mtimeMs < Date.now() - forgottenAfterMs)
        await rm(part, { recursive: true, force: true });
    }
  }

  /** What is known of the queries of a file, by key. */
  async read(source: string): Promise<Entries> {
    try {
      return readEntries(await readFile(this.#file(source), 'utf8'));
    } catch {
      return new Map();
    }
  }

  /** Keeps what this run knows, by source file, and forgets the rest. Files in `unchanged` are as they were read. */
  async write(
    known: ReadonlyMap<string, ReadonlyMap<string, CachedQuery>>,
    unchanged: ReadonlySet<string>,
  ): Promise<void> {
    try {
      if (await mkdir(this.#folder, { recursive: true })) await this.#forgetOthers();
      // Nobody means to commit it.
      await writeFile(path.join(path.dirname(this.#root), '.gitignore'), '*\n', { flag: 'wx' }).catch(
        () => {},
      );
      const kept = new Set([...known.keys()].map((source) => path.basename(this.#file(source))));
      for (const name of await readdir(this.#folder))
        if (!kept.has(name)) await rm(path.join(this.#folder, name), { force: true });
      for (const [source, entries] of known) {
        if (unchanged.has(source)) continue;
        const file = this.#file(source);
        const temporary = `${file}.${process.pid}`;
        await writeFile(temporary, entriesText(entries));
        await rename(temporary, file);
      }
    } catch {
      // Read-only, full, or another run at the same moment: then the next run has more to do.
    }
  }
}
