/** The pipeline, and what each of its operations does to a dataset: a tarball of a package. */
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import * as tar from 'tar';
import { type Database, sql } from '../../src/index.ts';
import { definePipeline } from '../../src/operations/index.ts';

const OPERATIONS = ['upload', 'unpack', 'index', 'tool-index', 'backup'] as const;
export type Operation = (typeof OPERATIONS)[number];
/** The pipeline of one run: its workers take nothing of another run, whose files they do not have. */
export const datasetsOf = (run: string) =>
  definePipeline({ name: `datasets-${run}`, operations: OPERATIONS });

/** What each operation makes READY when it ends. */
export const NEXT: Readonly<Record<Operation, readonly Operation[]>> = {
  upload: ['unpack', 'backup'],
  unpack: ['index'],
  index: ['tool-index'],
  'tool-index': [],
  backup: [],
};

/** One row for each operation that was finished: a second one of the same generation is refused by the key. */
export async function createTables(db: Database): Promise<void> {
  await db.execute(sql`CREATE TABLE IF NOT EXISTS observation (
    run TEXT NOT NULL, dataset TEXT NOT NULL, operation TEXT NOT NULL, generation INT8 NOT NULL,
    worker INT8 NOT NULL, found TEXT NOT NULL, PRIMARY KEY (run, dataset, operation, generation))`);
}

const digest = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

/** Copies under a name of its own first: a worker that is killed leaves no half of a file under the real one. */
async function copy(from: string, to: string): Promise<string> {
  const partial = `${to}.${process.pid}`;
  await cp(from, partial);
  await rename(partial, to);
  return digest(to);
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Does it; may be done again after a worker was killed in the middle. Gives what it found, for the observation. */
export async function carryOut(operation: Operation, folder: string, name: string): Promise<string> {
  const [incoming, stored, unpacked, backup] = ['incoming', 'store', 'unpacked', 'backup'].map((part) =>
    join(folder, part, `${name}.tgz`),
  ) as [string, string, string, string];
  switch (operation) {
    case 'upload':
      return copy(incoming, stored);
    case 'unpack': {
      await rm(unpacked, { recursive: true, force: true });
      await mkdir(unpacked, { recursive: true });
      await tar.extract({ file: stored, cwd: unpacked });
      return `${(await filesOf(unpacked)).length} files`;
    }
    case 'index': {
      const sizes = await Promise.all(
        (await filesOf(unpacked)).map(async (file) => (await readFile(file)).length),
      );
      return `${sizes.reduce((sum, size) => sum + size, 0)} bytes`;
    }
    case 'tool-index': {
      const kinds = new Set((await filesOf(unpacked)).map((file) => extname(file)));
      return [...kinds].sort().join(' ');
    }
    case 'backup': {
      const [first, second] = [await digest(stored), await copy(stored, backup)];
      if (first !== second) throw new Error(`the backup of ${name} differs`);
      return second;
    }
  }
}
