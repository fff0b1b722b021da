/** What the transitions do on a machine: here a folder for each unit, whose files all carry the charm's number. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, sql } from '../../src/index.ts';
import { TransitionError } from '../../src/workflows/index.ts';
import { ifAbsent } from '../fleet/src/absent.ts';

const FILES = ['hooks', 'metadata', 'revision'];

/** What was seen, once each, never changed: the demo's checks read it. */
export async function createTables(db: Database): Promise<void> {
  await db.execute(sql`CREATE TABLE IF NOT EXISTS executor_start (
    run TEXT NOT NULL, unit TEXT NOT NULL, worker INT8 NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    in_flight TEXT, found TEXT NOT NULL)`);
}

const folderOf = (root: string, target: string) => join(root, target.replaceAll('/', '-'));

/** The numbers that the files carry: one, unless an upgrade is in the middle. */
export async function charmsOf(root: string, target: string): Promise<string[]> {
  const folder = folderOf(root, target);
  const names = await readdir(folder).catch(ifAbsent<string[]>([]));
  const found = await Promise.all(
    FILES.filter((name) => names.includes(name)).map((name) => readFile(join(folder, name), 'utf8')),
  );
  return [...new Set(found)].sort();
}

/** Writes one file after the other, slowly, so that some workers are killed in between. May be done again. */
export async function writeCharm(
  root: string,
  target: string,
  charm: number,
  signal: AbortSignal,
): Promise<void> {
  const folder = folderOf(root, target);
  await mkdir(folder, { recursive: true });
  for (const name of FILES) {
    await writeFile(join(folder, name), String(charm));
    await sleep(20 + Math.random() * 60, undefined, { signal });
  }
}

/** Throws TransitionError the first time, for units that are to fail once. */
export async function failOnce(root: string, target: string, what: string): Promise<void> {
  if (!target.endsWith('3')) return;
  const folder = folderOf(root, target);
  await mkdir(folder, { recursive: true });
  const marker = join(folder, `failed-${what}`);
  const isFirst = await writeFile(marker, '', { flag: 'wx' }).then(
    () => true,
    () => false,
  );
  if (isFirst) throw new TransitionError(`the ${what} hook of ${target} failed`);
}

/**
 * Begins to run a unit's hooks, and writes down what it saw: what was in flight by the database, and which charms the
 * files are of.
 */
export async function startExecutor(db: Database, run: string, root: string, target: string): Promise<void> {
  const found = (await charmsOf(root, target)).join(',');
  await db.execute(sql`INSERT INTO executor_start (run, unit, worker, in_flight, found)
    SELECT ${run}, target, ${process.pid}, in_flight, ${found} FROM holdfast.workflow
    WHERE workflow = 'unit' AND target = ${target}`);
}
