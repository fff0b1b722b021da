import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { invalidOption, utf8Text } from '../base/index.ts';
import { holdfastFiles } from './holdfast-files.ts';
import { invalidFile, Script } from './script.ts';

/** One numbered change of the schema. */
export interface Migration {
  readonly set: string;
  readonly number: number;
  readonly name: string;
  readonly up: Script;
  /** Undefined when it cannot be taken back. */
  readonly down: Script | undefined;
}

/** The migrations of one owner, by number. */
export interface MigrationSet {
  readonly name: string;
  /** SQL schema that is made first; a user's own set says in its files where things go. */
  readonly schema: string | undefined;
  readonly migrations: readonly Migration[];
}

/** The set that comes with Holdfast, in an SQL schema of the same name. */
export const OWN_SET = 'holdfast';

const fileName = /^(\d{4,})_([a-z0-9_]+)\.(up|down)\.sql$/;

/**
 * Reads a set: Holdfast's own, by its name, or a folder of `NNNN_name.up.sql` and `NNNN_name.down.sql`,
 * whose set is called after the folder.
 *
 * @throws MisuseError when there is no such folder.
 * @throws MigrationError `invalid-file` naming the file, or the folder when there are no migrations in it.
 */
export async function readMigrationSet(nameOrFolder: string): Promise<MigrationSet> {
  if (nameOrFolder === OWN_SET) return setOf(OWN_SET, OWN_SET, new Map(Object.entries(holdfastFiles)));
  const folder = resolve(nameOrFolder);
  const name = basename(folder);
  if (name === OWN_SET)
    throw invalidOption('sets', `a folder called ${name} would be taken for Holdfast's own: rename it`);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw invalidOption('sets', `cannot read the folder ${folder} (${error.code})`, {
      cause: error,
    });
  });
  const paths = names.filter((each) => each.endsWith('.sql')).map((each) => join(folder, each));
  const texts = await Promise.all(paths.map(readText));
  if (paths.length === 0) throw invalidFile(folder, 'there are no migrations in it');
  return setOf(name, undefined, new Map(paths.map((path, i) => [path, texts[i]!])));
}

/** @throws MigrationError `invalid-file` naming the first line that is not UTF-8. */
async function readText(path: string): Promise<string> {
  const read = utf8Text(await readFile(path));
  if ('text' in read) return read.text;
  throw invalidFile(`${path}:${read.invalidLine}`, 'this line is not in UTF-8: save the file in UTF-8');
}

/** The set of files by path. */
function setOf(name: string, schema: string | undefined, files: ReadonlyMap<string, string>): MigrationSet {
  const ups = new Map<number, string>();
  const downs = new Map<number, string>();
  for (const path of [...files.keys()].sort()) {
    const [, digits, , direction] = fileName.exec(basename(path)) ?? [];
    const number = Number(digits);
    if (direction === undefined || number === 0) {
      throw invalidFile(path, 'name it NNNN_name.up.sql or NNNN_name.down.sql, counted from 0001');
    }
    const found = direction === 'up' ? ups : downs;
    const other = found.get(number);
    if (other !== undefined) throw invalidFile(path, `${basename(other)} has the same number: renumber one`);
    found.set(number, path);
  }
  for (const [number, path] of downs) {
    const up = ups.get(number);
    if (up === undefined || up.replace(/up\.sql$/, '') !== path.replace(/down\.sql$/, '')) {
      throw invalidFile(path, 'there is no up file of the same number and name');
    }
  }
  const migrations = [...ups]
    .sort(([a], [b]) => a - b)
    .map(([number, path]): Migration => {
      const downPath = downs.get(number);
      return {
        set: name,
        number,
        name: basename(path).replace(/^\d+_|\.up\.sql$/g, ''),
        up: new Script(path, files.get(path)!),
        down: downPath === undefined ? undefined : new Script(downPath, files.get(downPath)!),
      };
    });
  return { name, schema, migrations };
}

/** `0002_work`, as in the file name. */
export function label({ number, name }: { readonly number: number; readonly name: string }): string {
  return `${String(number).padStart(4, '0')}_${name}`;
}
