import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SourceFile } from './source/source-file.ts';

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
  /** What was said of the queries, for a run that has nothing to do but to say it again. */
  readonly warnings?: readonly StoredWarning[];
}

export interface StoredWarning {
  readonly file: string;
  readonly at: number;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly query?: string | undefined;
}

export const manifestName = 'holdfast.lock.json';

/** Raised when the same input gives other output or other warnings: then nothing of before is up to date. */
export const formatVersion = 8;

export function digest(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex').slice(0, 24);
}

export const formatDigest = (configText: string, rules?: SourceFile) =>
  digest(String(formatVersion), configText, ...(rules ? [rules.text] : []));

export const schemaDigest = (files: readonly SourceFile[]) =>
  digest(...files.flatMap((file) => [file.path, file.text]));

/** Undefined when there is none that can be understood: then the target counts as never compiled. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    const read: unknown = JSON.parse(await readFile(path.join(folder, manifestName), 'utf8'));
    return isManifest(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** By hand: the run that has nothing to do is not to wait for a library. */
function isManifest(value: unknown): value is Manifest {
  if (!isRecord(value)) return false;
  const texts = [value['format'], value['engine'], value['schema']];
  const digests = [value['queries'], value['outputs']];
  const warnings = value['warnings'] ?? [];
  return (
    texts.every((text) => typeof text === 'string') &&
    digests.every(
      (record) => isRecord(record) && Object.values(record).every((text) => typeof text === 'string'),
    ) &&
    Array.isArray(warnings) &&
    warnings.every(
      (warning) =>
        isRecord(warning) &&
        typeof warning['at'] === 'number' &&
        ['file', 'code', 'message'].every((key) => typeof warning[key] === 'string'),
    )
  );
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
