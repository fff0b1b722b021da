import { readdir, readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const src = join(root, 'src');

/** One import of one file of src; paths are relative to src. */
export interface Import {
  readonly from: string;
  /** A file of src, for a relative import. */
  readonly to?: string | undefined;
  /** An npm package, for another one that is not Node's own. */
  readonly packageName?: string | undefined;
  /** Evaluated before the importing file is: neither a type, which is erased, nor asked for later. */
  readonly eager: boolean;
}

const statement =
  /^\s*(?:import|export)\s+(type\s)?[^'";]*?\bfrom\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'/gm;

export async function readImports(folder = src): Promise<readonly Import[]> {
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => file.endsWith('.ts') && !file.includes('node_modules'),
  );
  const found = await Promise.all(files.map((file) => importsOf(folder, file)));
  return found.flat();
}

async function importsOf(folder: string, from: string): Promise<Import[]> {
  const text = await readFile(join(folder, from), 'utf8');
  return [...text.matchAll(statement)].flatMap(([, type, named, bare, dynamic]): Import[] => {
    const specifier = (named ?? bare ?? dynamic)!;
    const eager = type === undefined && dynamic === undefined;
    if (specifier.startsWith('.')) {
      return [{ from, to: relative(folder, resolve(folder, dirname(from), specifier)), eager }];
    }
    if (specifier.startsWith('node:') || builtinModules.includes(specifier)) return [];
    const packageName = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return [{ from, packageName, eager }];
  });
}

/** `work` for `work/claim.ts`; undefined for a file that lies in no room, such as `index.ts`. */
export function roomOf(file: string): string | undefined {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : undefined;
}

/** The table of docs/architecture.md: the rooms, top to bottom, and what each may import. */
export async function readGraph(): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(join(root, 'docs', 'architecture.md'), 'utf8');
  const rows = text.matchAll(/^\| `src\/(\w+)` \|.*\|([^|]*)\|$/gm);
  return new Map(
    [...rows].map(([, room, list]) => [room!, list!.split(',').flatMap((name) => name.trim() || [])]),
  );
}
