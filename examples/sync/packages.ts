/** Packages of node_modules as a registry has them: packed, with the documents that tell of them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import * as tar from 'tar';

export const NODE_MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));

export interface PackedPackage {
  readonly name: string;
  readonly version: string;
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly tarball: Buffer;
}

const readManifest = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as PackedPackage['manifest'];

/** The same bytes each time. `changes`: to its manifest, such as another version. */
export async function pack(
  folder: string,
  changes?: Readonly<Record<string, unknown>>,
): Promise<PackedPackage> {
  if (changes) {
    const copy = await mkdtemp(join(tmpdir(), 'holdfast-pack-'));
    try {
      const notItsOwn = join(folder, 'node_modules');
      await cp(folder, copy, { recursive: true, filter: (path) => path !== notItsOwn });
      const manifest = { ...(await readManifest(folder)), ...changes };
      await writeFile(join(copy, 'package.json'), JSON.stringify(manifest));
      return await pack(copy);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((file) => !file.startsWith('node_modules/'))
    .sort();
  const pack_ = tar.create(
    { gzip: true, portable: true, mtime: new Date(0), prefix: 'package', cwd: folder },
    files,
  );
  const manifest = await readManifest(folder);
  const { name, version } = manifest as { name: string; version: string };
  return { name, version, manifest, tarball: await buffer(pack_) };
}

/** Packs a package of node_modules. */
export const packInstalled = (name: string, changes?: Readonly<Record<string, unknown>>) =>
  pack(join(NODE_MODULES, name), changes);

/** Where node_modules has packages and all that they depend on, each version once. */
export async function foldersWithDependencies(names: readonly string[]): Promise<readonly string[]> {
  const found = new Map<string, string>();
  const walk = async (folder: string): Promise<void> => {
    const manifest = await readManifest(folder);
    const key = `${manifest['name']}@${manifest['version']}`;
    if (found.has(key)) return;
    found.set(key, folder);
    for (const name of Object.keys((manifest['dependencies'] as object | undefined) ?? {})) {
      const next = installedFor(folder, name);
      if (next === undefined) throw new Error(`${key} has no ${name} in node_modules`);
      await walk(await realpath(next));
    }
  };
  for (const name of names) await walk(join(NODE_MODULES, name));
  return [...found.values()];
}

/** The package that a name means in a folder, as Node finds it. */
function installedFor(folder: string, name: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
    if (dirname(at) === at) return undefined;
  }
}

export const fileOf = ({ name, version }: PackedPackage): string =>
  `${name.slice(name.indexOf('/') + 1)}-${version}.tgz`;

/** The whole manifest of a version. */
export function manifestOf(packed: PackedPackage, base: string): Record<string, unknown> {
  const { name, version, manifest, tarball } = packed;
  const dist = {
    tarball: `${base}/${name}/-/${fileOf(packed)}`,
    integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
    shasum: createHash('sha1').update(tarball).digest('hex'),
  };
  return { ...manifest, _id: `${name}@${version}`, dist };
}

const SHORT = new Set([
  'name',
  'version',
  'bin',
  'dependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'engines',
  'os',
  'cpu',
  'deprecated',
  'dist',
]);

/** The short document of a package; the last version has the tag `latest`. */
export function packumentOf(versions: readonly PackedPackage[], base: string): Record<string, unknown> {
  const { name, version: latest } = versions.at(-1)!;
  const manifests = versions.map((packed) => [
    packed.version,
    Object.fromEntries(Object.entries(manifestOf(packed, base)).filter(([member]) => SHORT.has(member))),
  ]);
  return { name, 'dist-tags': { latest }, versions: Object.fromEntries(manifests) };
}
