import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { valueNamed } from '../../base/index.ts';
import type { CompileTarget } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import { digest } from '../manifest.ts';
import type { EngineQuery } from '../source/engine-query.ts';
import type { SourceQuery } from '../source/query-file.ts';
import type { SourceFile } from '../source/source-file.ts';

/**
 * The key of a query in the cache: everything that what is known of it depends on, and nothing else, so that
 * a change recompiles what it touches. Left out on purpose: the query's place in its file, its doc comment,
 * `runtime`, `importExtension` and `zod`, since modules are written anew from what is known.
 */
export function queryKey(query: EngineQuery, target: CompileTarget, surroundings: string): string {
  const { source } = query;
  const { name, command, settings, notes, tokens, marker, declared } = source;
  return digest(
    surroundings,
    JSON.stringify([name, command, [...(settings ?? [])], marker, declared]),
    JSON.stringify(notes.map((note) => [note.key, note.value, note.at - statementAt(source)])),
    JSON.stringify(tokens.map((token) => token.text)),
    // A :claim or :finish is wrapped by the runtime.
    query.text,
    JSON.stringify(valueNamed(target.queriesOverrides, name) ?? {}),
  );
}

/** Where a query's statement begins: places in it are kept relative to that. */
export function statementAt(source: SourceQuery): number {
  return source.tokens[0]?.at ?? source.nameAt;
}

/** What all queries of a target have in common: compiler, engine, schema, and the choices that bear on types and lints. */
export async function surroundingsOf(
  engine: Engine,
  schema: readonly SourceFile[],
  target: CompileTarget,
  rules: SourceFile | undefined,
): Promise<string> {
  const { int8, timestamptz, arrayElements, types, columns, rename, largeTables, hotTables, tableTypes } =
    target;
  return digest(
    await compilerDigest(),
    engine.version,
    engine.fingerprint,
    ...schema.map((file) => file.text),
    rules?.text ?? '',
    JSON.stringify([
      ...[int8, timestamptz, arrayElements, types, columns, rename, largeTables, hotTables, tableTypes],
    ]),
  );
}

let compiler: Promise<string> | undefined;

/** Of the compiler's own files and of the package: a release, and every step between two releases, is another. */
function compilerDigest(): Promise<string> {
  compiler ??= readCompiler();
  return compiler;
}

async function readCompiler(): Promise<string> {
  const texts = [await readFile(new URL('../../../package.json', import.meta.url), 'utf8')];
  for (const room of ['../', '../../query/', '../../base/']) {
    const folder = fileURLToPath(new URL(room, import.meta.url));
    const names = (await readdir(folder, { recursive: true })).filter((name) => /\.[jt]s$/.test(name)).sort();
    texts.push(...names, ...(await Promise.all(names.map((name) => readFile(`${folder}${name}`, 'utf8')))));
  }
  return digest(...texts);
}
