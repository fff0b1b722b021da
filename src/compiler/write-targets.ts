import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CompiledTarget } from './compile.ts';
import type { CompileConfig } from './config.ts';
import type { Diagnostic } from './diagnostic.ts';
import {
  digest,
  formatDigest,
  type Manifest,
  manifestName,
  manifestText,
  readManifest,
  type StoredWarning,
  schemaDigest,
} from './manifest.ts';

/** Writes every output whole or not at all: to a temporary name first, then renamed. */
export async function writeTargets(
  config: CompileConfig,
  compiled: readonly CompiledTarget[],
  engine: string,
  diagnostics: readonly Diagnostic[] = [],
): Promise<string[]> {
  const pending: { temporary: string; final: string }[] = [];
  const stale: string[] = [];
  for (const { files, outputs } of compiled) {
    const before = await readManifest(files.out);
    const warnings = diagnostics.filter(({ file }) => files.queries.includes(file)).map(stored);
    const manifest: Manifest = {
      format: formatDigest(config.text),
      engine,
      schema: schemaDigest(files.schema),
      queries: Object.fromEntries(files.queries.map((file) => [file.path, digest(file.text)])),
      outputs: Object.fromEntries([...outputs].map(([name, text]) => [name, digest(text)])),
      ...(warnings.length > 0 ? { warnings } : {}),
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

function stored({ file, at, code, message, hint, query }: Diagnostic): StoredWarning {
  return { file: file.path, at, code, message, hint, query };
}
