import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../../src/compiler/config-schema.ts';
import type { Engine } from '../../../src/compiler/engine/engine.ts';
import {
  compileTargets,
  formatDiagnostic,
  type QueryCache,
  type TargetFiles,
} from '../../../src/compiler/index.ts';

export const goldenRoot = fileURLToPath(new URL('../../golden', import.meta.url));

/** One folder: schema.sql and queries.sql in, modules or messages out. */
export interface GoldenCase {
  readonly name: string;
  readonly folder: string;
}

/** The folders of an engine: those under `cockroachdb` are CockroachDB's, the rest PostgreSQL's. */
export async function goldenCases(engine: 'postgresql' | 'cockroachdb'): Promise<GoldenCase[]> {
  const names = await readdir(goldenRoot, { recursive: true });
  return names
    .filter((name) => path.basename(name) === 'queries.sql')
    .filter((name) => name.startsWith('cockroachdb') === (engine === 'cockroachdb'))
    .map((name) => ({ name: path.dirname(name), folder: path.join(goldenRoot, path.dirname(name)) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What the folder holds as expected, by file name; messages.txt is what was said. */
export async function expectedOf({ folder }: GoldenCase): Promise<Record<string, string>> {
  const names = existsSync(path.join(folder, 'expected')) ? await readdir(path.join(folder, 'expected')) : [];
  const files = names
    .sort()
    .map(async (name) => [name, await readFile(path.join(folder, 'expected', name), 'utf8')]);
  return Object.fromEntries(await Promise.all(files));
}

export async function actualOf(
  { folder }: GoldenCase,
  engine: Engine,
  cache?: QueryCache,
): Promise<Record<string, string>> {
  const { compiled, diagnostics } = await compileTargets([await filesOf(folder)], engine, cache);
  const failed = diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  const actual = Object.fromEntries(failed ? [] : (compiled[0]?.outputs ?? []));
  if (diagnostics.length > 0) actual['messages.txt'] = `${diagnostics.map(formatDiagnostic).join('\n')}\n`;
  return actual;
}

async function filesOf(folder: string): Promise<TargetFiles> {
  const configFile = path.join(folder, 'config.json');
  const config = existsSync(configFile) ? (JSON.parse(await readFile(configFile, 'utf8')) as object) : {};
  const base = { queries: 'queries.sql', schema: 'schema.sql', out: 'expected' };
  const runtime = '../../../../../src/query/index.ts';
  const [target] = parseConfig(JSON.stringify({ compile: [{ ...base, runtime, ...config }] }), 'config.json');
  const read = async (name: string) => ({
    path: name,
    text: await readFile(path.join(folder, name), 'utf8'),
  });
  return {
    target: target!,
    paths: target!,
    schema: [await read('schema.sql')],
    queries: [await read('queries.sql')],
    out: path.join(folder, 'expected'),
  };
}

/** Writes what was seen as expected; for the person who then reads the difference. */
export async function accept({ folder }: GoldenCase, actual: Record<string, string>): Promise<void> {
  await rm(path.join(folder, 'expected'), { recursive: true, force: true });
  await mkdir(path.join(folder, 'expected'), { recursive: true });
  for (const [name, text] of Object.entries(actual))
    await writeFile(path.join(folder, 'expected', name), text);
}
