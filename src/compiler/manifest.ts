import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * `holdfast.lock.json` beside the generated modules: digests of what they were made from and of what was
 * written. It tells an unchanged run that there is nothing to do, without a database, and tells `--check`
 * which of three things happened: a query changed, a migration changed, or an output was edited by hand.
 */
export interface Manifest {
  /** Of the configuration and of the compiler's own output format. */
  readonly format: string;
  /** Engine family and major version, `postgresql-18`, `cockroachdb-22.1`. */
  readonly engine: string;
  readonly schema: string;
  /** By source path. */
  readonly queries: Readonly<Record<string, string>>;
  /** By file name within the output folder. */
  readonly outputs: Readonly<Record<string, string>>;
}

export const manifestName = 'holdfast.lock.json';

/** Raised when the same input gives other output: then nothing of before is up to date. */
export const formatVersion = 5;

export function digest(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex').slice(0, 24);
}

export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(path.join(folder, manifestName), 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
