import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  invalidOption,
  MigrationError,
  type SqlStatement,
  splitStatements,
  sqlWords,
} from '../base/index.ts';
import { holdfastFiles } from './holdfast-files.ts';

/** The statements of one file. */
export interface Script {
  /** For messages. */
  readonly file: string;
  readonly statements: readonly SqlStatement[];
}

/** One numbered change of the schema. */
export interface Migration {
  readonly set: string;
  readonly number: number;
  readonly name: string;
  readonly up: Script;
  /** Undefined when it cannot be taken back. */
  readonly down: Script | undefined;
  /**
   * False when the up file says `-- holdfast: no-transaction`: on PostgreSQL it then runs statement by
   * statement, as every migration does on CockroachDB (CREATE INDEX CONCURRENTLY wants that).
   */
  readonly transactional: boolean;
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
const noTransaction = /^--\s*holdfast:\s*no-transaction\s*$/m;

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
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  if (paths.length === 0) throw invalid(folder, 'there are no migrations in it');
  return setOf(name, undefined, new Map(paths.map((path, i) => [path, texts[i]!])));
}

/** The set of files by path. */
function setOf(name: string, schema: string | undefined, files: ReadonlyMap<string, string>): MigrationSet {
  const ups = new Map<number, string>();
  const downs = new Map<number, string>();
  for (const path of [...files.keys()].sort()) {
    const [, digits, , direction] = fileName.exec(basename(path)) ?? [];
    const number = Number(digits);
    if (direction === undefined || number === 0) {
      throw invalid(path, 'name it NNNN_name.up.sql or NNNN_name.down.sql, counted from 0001');
    }
    const found = direction === 'up' ? ups : downs;
    const other = found.get(number);
    if (other !== undefined) throw invalid(path, `${basename(other)} has the same number: renumber one`);
    found.set(number, path);
  }
  for (const [number, path] of downs) {
    const up = ups.get(number);
    if (up === undefined || up.replace(/up\.sql$/, '') !== path.replace(/down\.sql$/, '')) {
      throw invalid(path, 'there is no up file of the same number and name');
    }
  }
  const migrations = [...ups]
    .sort(([a], [b]) => a - b)
    .map(([number, path]): Migration => {
      const downPath = downs.get(number);
      const text = withoutMark(files.get(path)!);
      return {
        set: name,
        number,
        name: basename(path).replace(/^\d+_|\.up\.sql$/g, ''),
        up: script(path, text),
        down: downPath === undefined ? undefined : script(downPath, withoutMark(files.get(downPath)!)),
        transactional: !noTransaction.test(text),
      };
    });
  return { name, schema, migrations };
}

/** Some editors begin a file with a byte order mark. */
const withoutMark = (text: string) => text.replace(/^\uFEFF/, '');

function script(file: string, text: string): Script {
  const statements = splitStatements(text);
  for (const { text: statement, line } of statements) {
    if (/^(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE)\b/i.test(statement)) {
      throw invalid(`${file}:${line}`, 'a migration has no transaction statements: the runner adds them');
    }
    const command = /^\\\w*/.exec(statement)?.[0];
    if (command !== undefined) {
      throw invalid(`${file}:${line}`, `${command} is a command of psql, not SQL: leave the line out`);
    }
    if (/^COPY\b/i.test(statement) && [...sqlWords(statement)].includes('STDIN')) {
      throw invalid(`${file}:${line}`, 'COPY FROM STDIN needs psql: write INSERT (pg_dump --inserts does)');
    }
  }
  return { file, statements };
}

function invalid(file: string, message: string): MigrationError {
  return new MigrationError('invalid-file', `${file}: ${message}`);
}

/** `0002_work`, as in the file name. */
export function label({ number, name }: { readonly number: number; readonly name: string }): string {
  return `${String(number).padStart(4, '0')}_${name}`;
}

const checksums = new WeakMap<Script, readonly string[]>();

/** Of the first `count` statements; comments, blank lines and line endings do not count. */
export function checksum(script: Script, count: number = script.statements.length): string {
  let known = checksums.get(script);
  if (known === undefined) {
    const hash = createHash('sha256');
    known = [
      hash.copy().digest('hex'),
      ...script.statements.map(({ text }) => hash.update(text).update('\0').copy().digest('hex')),
    ];
    checksums.set(script, known);
  }
  return known[count]!;
}
