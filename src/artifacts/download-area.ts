import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isNotFound, storeFailure } from './file-errors.ts';

/** The names that the sweep may delete. */
const PARTIAL = /^[0-9a-f-]{36}\.part$/;

/** A new name in the folder; nobody else has it. */
export const partialPath = (folder: string): string => join(folder, `${randomUUID()}.part`);

export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw storeFailure(folder, error);
  });
}

/** Deletes partial files that were not written to for `graceMs`; gives how many. */
export async function sweepPartialFiles(folder: string, graceMs: number): Promise<number> {
  const before = Date.now() - graceMs;
  let swept = 0;
  try {
    for (const name of await readdir(folder)) {
      if (!PARTIAL.test(name)) continue;
      const path = join(folder, name);
      const { mtimeMs } = await stat(path).catch(absent);
      if (mtimeMs === undefined || mtimeMs > before) continue;
      await rm(path, { force: true });
      swept++;
    }
  } catch (error) {
    if (!isNotFound(error)) throw storeFailure(folder, error);
  }
  return swept;
}

const absent = (error: unknown): { readonly mtimeMs?: undefined } => {
  if (isNotFound(error)) return {};
  throw error;
};
