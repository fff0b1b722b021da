import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { invalidOption } from '../base/index.ts';
import type { CompileConfig, TargetPaths } from './config.ts';

export const configName = 'holdfast.config.json';

/** Reads the file, but understands it only when asked: an unchanged run never does. Throws MisuseError. */
export async function readConfig(file: string): Promise<CompileConfig> {
  const full = path.resolve(file);
  let text: string;
  try {
    text = await readFile(full, 'utf8');
  } catch (cause) {
    throw invalidOption('--config', `${file} cannot be read; create it, as docs/compiler.md shows`, {
      cause,
    });
  }
  return {
    root: path.dirname(full),
    path: path.basename(full),
    text,
    targets: async () => (await import('./config-schema.ts')).parseConfig(text, path.basename(full)),
    paths: () => pathsIn(text),
  };
}

function pathsIn(text: string): TargetPaths[] | undefined {
  const list = (value: unknown = []) => (typeof value === 'string' ? [value] : value);
  const isList = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((item) => typeof item === 'string');
  try {
    const { compile } = JSON.parse(text) as { compile: readonly Readonly<Record<string, unknown>>[] };
    return compile.map(({ queries, schema, out, rules }) => {
      const [from, made] = [list(queries), list(schema)];
      if (!isList(from) || !isList(made) || typeof out !== 'string') throw new TypeError('no paths');
      if (rules !== undefined && typeof rules !== 'string') throw new TypeError('no path');
      return { queries: from, schema: made, out, rules };
    });
  } catch {
    return undefined;
  }
}
