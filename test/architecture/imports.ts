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

/** `pages` too: the modules that are bundled for browsers. */
export async function readImports(folder = src, pages = false): Promise<readonly Import[]> {
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => (pages ? /\.tsx?$/ : /\.ts$/).test(file) && !file.includes('node_modules'),
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

/** Every file that one imports, by a detour or not. */
export function reachedFrom(file: string, edges: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const open = [file];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const to of edges.get(next) ?? [])
      if (!found.has(to)) {
        found.add(to);
        open.push(to);
      }
  return found;
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
