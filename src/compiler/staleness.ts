import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ifAbsent } from '../base/index.ts';
import type { CompileConfig } from './config.ts';
import type { Diagnostic } from './diagnostic.ts';
import { digest, formatDigest, readManifest, schemaDigest } from './manifest.ts';
import { slashed } from './source/source-file.ts';
import type { SourceFiles } from './sources.ts';

/** A reason why `--check` fails. */
export interface Staleness {
  readonly kind: 'query' | 'migration' | 'edited' | 'missing' | 'configuration';
  readonly path: string;
  readonly message: string;
}

/** Everything in which a target differs from its manifest; empty means up to date. */
export async function staleness(config: CompileConfig, files: SourceFiles): Promise<Staleness[]> {
  const shown = slashed(path.relative(config.root, files.out));
  const manifest = await readManifest(files.out);
  const rerun = 'run holdfast compile and commit what it writes';
  if (!manifest) return [{ kind: 'missing', path: shown, message: `${shown}: was never compiled: ${rerun}` }];
  const found: Staleness[] = [];
  const say = (kind: Staleness['kind'], where: string, message: string) =>
    found.push({ kind, path: where, message: `${where}: ${message}` });
  if (manifest.format !== formatDigest(config.text, files.rules))
    say(
      'configuration',
      config.path,
      `changed (or Holdfast was upgraded) since ${shown} was compiled: ${rerun}`,
    );
  if (manifest.schema !== schemaDigest(files.schema))
    say(
      'migration',
      files.paths.schema.join(', '),
      `a migration changed since ${shown} was compiled: ${rerun}`,
    );
  for (const file of files.queries)
    if (manifest.queries[file.path] !== digest(file.text))
      say('query', file.path, `a query changed since it was compiled: ${rerun}`);
  for (const known of Object.keys(manifest.queries))
    if (!files.queries.some((file) => file.path === known))
      say('query', known, `is gone, what was compiled from it is not: ${rerun}`);
  for (const [name, expected] of Object.entries(manifest.outputs)) {
    const text = await readFile(path.join(files.out, name), 'utf8').catch(ifAbsent(undefined));
    const output = path.posix.join(shown, name);
    if (text === undefined) say('missing', output, `is missing: ${rerun}`);
    else if (digest(text) !== expected)
      say('edited', output, 'was edited by hand; change the .sql file instead and run holdfast compile');
  }
  return found;
}

/** What is known of a target that is up to date without compiling it. */
export interface Settled {
  /** Engine family that it was compiled against. */
  readonly engine: string | undefined;
  /** What was said then, and is as true now. */
  readonly warnings: readonly Diagnostic[];
}

/** What the manifest of a target tells; to be believed only where nothing is stale. */
export async function settled(files: SourceFiles): Promise<Settled> {
  const manifest = await readManifest(files.out);
  const warnings = (manifest?.warnings ?? []).flatMap(({ file: name, ...rest }): Diagnostic[] => {
    const file = files.queries.find((candidate) => candidate.path === name);
    return file ? [{ ...rest, severity: 'warning', file }] : [];
  });
  return { engine: manifest?.engine, warnings };
}
