import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { AnalyzedQuery } from './analyzed.ts';
import type { CompileConfig, CompileTarget } from './config.ts';
import { type Diagnostic, SourceError, sortDiagnostics } from './diagnostic.ts';
import type { Engine } from './engine/engine.ts';
import { readSchema } from './engine/schema.ts';
import {
  digest,
  formatVersion,
  type Manifest,
  manifestName,
  manifestText,
  readManifest,
} from './manifest.ts';
import type { SourceFile } from './source/source-file.ts';

/** What is compared or written for one target. */
export interface TargetFiles {
  readonly target: CompileTarget;
  readonly schema: readonly SourceFile[];
  readonly queries: readonly SourceFile[];
  /** Absolute. */
  readonly out: string;
}

export interface CompileResult {
  readonly diagnostics: readonly Diagnostic[];
  /** Paths written, relative to the root. */
  readonly written: readonly string[];
  readonly queries: number;
  /** Nothing had changed, so no engine was asked. */
  readonly unchanged: boolean;
}

/** A reason why `--check` fails. */
export interface Staleness {
  readonly kind: 'query' | 'migration' | 'edited' | 'missing' | 'configuration';
  readonly path: string;
  readonly message: string;
}

async function sqlFiles(root: string, entries: readonly string[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  const add = async (name: string) =>
    files.push({
      path: path.relative(root, name).replaceAll(path.sep, '/'),
      text: await readFile(name, 'utf8'),
    });
  for (const entry of entries) {
    const full = path.resolve(root, entry);
    if ((await stat(full)).isFile()) await add(full);
    else
      for (const name of (await readdir(full, { recursive: true })).sort())
        if (name.endsWith('.sql')) await add(path.join(full, name));
  }
  return files;
}

/** Reads every file of every target. Throws with the path of what is missing. */
export async function readTargets(config: CompileConfig): Promise<TargetFiles[]> {
  const targets = await config.targets();
  return Promise.all(
    targets.map(async (target) => ({
      target,
      schema: await readSchema(config.root, target.schema),
      queries: await sqlFiles(config.root, target.queries),
      out: path.resolve(config.root, target.out),
    })),
  );
}

export function moduleName(sqlPath: string): string {
  return `${path.basename(sqlPath, '.sql')}.ts`;
}

/** `postgresql-18`, `cockroachdb-22.1`. */
export function engineFamily(version: string): string {
  const [name = '', number = ''] = version.split(' ');
  const parts = number.replace(/^v/, '').split('.');
  return `${name.toLowerCase()}-${name === 'PostgreSQL' ? parts[0] : parts.slice(0, 2).join('.')}`;
}

function formatDigest(config: CompileConfig): string {
  return digest(String(formatVersion), config.text);
}

const schemaDigest = (files: readonly SourceFile[]) =>
  digest(...files.flatMap((file) => [file.path, file.text]));

/** Everything in which a target differs from its manifest; empty means up to date. */
export async function staleness(config: CompileConfig, files: TargetFiles): Promise<Staleness[]> {
  const shown = path.relative(config.root, files.out).replaceAll(path.sep, '/');
  const manifest = await readManifest(files.out);
  const rerun = 'run holdfast compile and commit what it writes';
  if (!manifest) return [{ kind: 'missing', path: shown, message: `${shown}: was never compiled: ${rerun}` }];
  const found: Staleness[] = [];
  if (manifest.format !== formatDigest(config))
    found.push({
      kind: 'configuration',
      path: config.path,
      message: `${config.path}: changed (or Holdfast was upgraded) since ${shown} was compiled: ${rerun}`,
    });
  if (manifest.schema !== schemaDigest(files.schema))
    found.push({
      kind: 'migration',
      path: files.target.schema.join(', '),
      message: `${files.target.schema.join(', ')}: a migration changed since ${shown} was compiled: ${rerun}`,
    });
  for (const file of files.queries)
    if (manifest.queries[file.path] !== digest(file.text))
      found.push({
        kind: 'query',
        path: file.path,
        message: `${file.path}: a query changed since it was compiled: ${rerun}`,
      });
  for (const known of Object.keys(manifest.queries))
    if (!files.queries.some((file) => file.path === known))
      found.push({
        kind: 'query',
        path: known,
        message: `${known}: is gone, what was compiled from it is not: ${rerun}`,
      });
  for (const [name, expected] of Object.entries(manifest.outputs)) {
    const text = await readFile(path.join(files.out, name), 'utf8').catch(() => undefined);
    if (text === undefined)
      found.push({
        kind: 'missing',
        path: `${shown}/${name}`,
        message: `${shown}/${name}: is missing: ${rerun}`,
      });
    else if (digest(text) !== expected)
      found.push({
        kind: 'edited',
        path: `${shown}/${name}`,
        message: `${shown}/${name}: was edited by hand; change the .sql file instead and run holdfast compile`,
      });
  }
  return found;
}

/** The engine family that a target was last compiled against. */
export async function compiledAgainst(files: TargetFiles): Promise<string | undefined> {
  return (await readManifest(files.out))?.engine;
}

/** One target compiled in memory. */
export interface CompiledTarget {
  readonly files: TargetFiles;
  readonly queries: readonly AnalyzedQuery[];
  /** By file name. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** Compiles targets without writing anything. */
export async function compileTargets(
  targets: readonly TargetFiles[],
  engine: Engine,
): Promise<{ readonly compiled: readonly CompiledTarget[]; readonly diagnostics: readonly Diagnostic[] }> {
  const { compileTarget } = await import('./compile-target.ts');
  const diagnostics: Diagnostic[] = [];
  const compiled: CompiledTarget[] = [];
  for (const files of targets) {
    try {
      compiled.push(await compileTarget(files, engine, (diagnostic) => diagnostics.push(diagnostic)));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      diagnostics.push(error.diagnostic);
    }
  }
  const sorted = sortDiagnostics(diagnostics);
  const same = (a: Diagnostic, b: Diagnostic) =>
    a.file.path === b.file.path && a.at === b.at && a.code === b.code;
  return { compiled, diagnostics: sorted.filter((d, i) => i === 0 || !same(d, sorted[i - 1]!)) };
}

/** Writes every output whole or not at all: to a temporary name first, then renamed. */
export async function writeTargets(
  config: CompileConfig,
  compiled: readonly CompiledTarget[],
  engine: string,
): Promise<string[]> {
  const pending: { temporary: string; final: string }[] = [];
  const stale: string[] = [];
  for (const { files, outputs } of compiled) {
    const before = await readManifest(files.out);
    const manifest: Manifest = {
      format: formatDigest(config),
      engine,
      schema: schemaDigest(files.schema),
      queries: Object.fromEntries(files.queries.map((file) => [file.path, digest(file.text)])),
      outputs: Object.fromEntries([...outputs].map(([name, text]) => [name, digest(text)])),
    };
    await mkdir(files.out, { recursive: true });
    for (const [name, text] of [...outputs, [manifestName, manifestText(manifest)] as const]) {
      const final = path.join(files.out, name);
      if ((await readFile(final, 'utf8').catch(() => undefined)) === text) continue;
      const temporary = `${final}.${process.pid}.tmp`;
      await writeFile(temporary, text);
      pending.push({ temporary, final });
    }
    for (const name of Object.keys(before?.outputs ?? {}))
      if (!outputs.has(name)) stale.push(path.join(files.out, name));
  }
  for (const { temporary, final } of pending) await rename(temporary, final);
  for (const name of stale) await rm(name, { force: true });
  return pending.map(({ final }) => path.relative(config.root, final).replaceAll(path.sep, '/'));
}
