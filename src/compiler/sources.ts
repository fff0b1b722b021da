import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { invalidOption, MisuseError } from '../base/index.ts';
import type { CompileConfig, CompileTarget, TargetPaths } from './config.ts';
import { namedBy, readSchema } from './engine/schema.ts';
import type { Lint } from './lints/lint.ts';
import { readSourceFile } from './source/read-file.ts';
import type { SourceFile } from './source/source-file.ts';

/** The files of one target, read. */
export interface SourceFiles {
  readonly paths: TargetPaths;
  readonly schema: readonly SourceFile[];
  readonly queries: readonly SourceFile[];
  readonly rules?: SourceFile | undefined;
  /** Folder of the configuration file. */
  readonly root: string;
  /** Absolute. */
  readonly out: string;
}

/** What is compared or written for one target. */
export interface TargetFiles extends SourceFiles {
  readonly target: CompileTarget;
  /** The rules of `rules`, loaded. */
  readonly ownLints?: readonly Lint[];
}

/** What the configuration names has to be there. */
async function found<T>(key: string, entry: string, looking: Promise<T>): Promise<T> {
  try {
    return await looking;
  } catch (cause) {
    if (cause instanceof MisuseError) throw cause;
    throw invalidOption(
      `"${key}"`,
      `${entry} cannot be read (${(cause as NodeJS.ErrnoException).code}): paths are relative to the configuration file`,
      { cause },
    );
  }
}

async function queryFiles(root: string, entries: readonly string[]): Promise<SourceFile[]> {
  // A file that is named twice, by its folder and by itself, is one file.
  const names = new Set<string>();
  for (const entry of entries) {
    const before = names.size;
    const looking = namedBy(root, entry).then(async (found) => {
      for (const full of found)
        if ((await stat(full)).isFile()) names.add(full);
        else
          for (const name of (await readdir(full, { recursive: true })).sort())
            if (name.endsWith('.sql')) names.add(path.join(full, name));
      return found;
    });
    const named = await found('queries', entry, looking);
    if (names.size === before && !named.some((full) => names.has(full)))
      throw invalidOption('"queries"', `${entry} has no .sql file in it`);
  }
  return Promise.all([...names].map((name) => readSourceFile(root, name)));
}

/** Reads every file of these paths. Throws with the path of what is missing. */
export async function readSources(config: CompileConfig, paths: TargetPaths): Promise<SourceFiles> {
  const [schema, queries, rules] = await Promise.all([
    Promise.all(paths.schema.map((entry) => found('schema', entry, readSchema(config.root, entry)))),
    queryFiles(config.root, paths.queries),
    paths.rules === undefined
      ? undefined
      : found('rules', paths.rules, readSourceFile(config.root, path.resolve(config.root, paths.rules))),
  ]);
  const { root } = config;
  return { paths, schema: schema.flat(), queries, rules, root, out: path.resolve(root, paths.out) };
}

/** Reads every file of every target. Throws with the path of what is missing. */
export async function readTargets(config: CompileConfig): Promise<TargetFiles[]> {
  const targets = await config.targets();
  return Promise.all(
    targets.map(async (target) => {
      const files = await readSources(config, target);
      if (!files.rules) return { ...files, target };
      const { loadRules } = await import('./lints/own-rules.ts');
      return { ...files, target, ownLints: await loadRules(config.root, files.rules) };
    }),
  );
}
