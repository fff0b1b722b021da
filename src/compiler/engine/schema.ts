import { glob, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { invalidOption } from '../../base/index.ts';
import { readSourceFile } from '../source/read-file.ts';
import { schemaText } from '../source/schema-text.ts';
import { placeOf, type SourceFile } from '../source/source-file.ts';

/** Names the library's own migrations, as it does for `migrate`. */
export const OWN_SCHEMA = 'holdfast';

/** Files that take something back: of golang-migrate and our own runner, postgrator, Flyway, and down.sql of Diesel. */
const TAKES_BACK = /\.(?:down|undo)\.sql$|^U\d[^/]*__.*\.sql$|^down\.sql$/;
/** Flyway applies these behind all that have a number. */
const REPEATABLE = /^R__/;

/** Files and folders that an entry of the configuration names; one with `*` or `?` names all that fit. */
export async function namedBy(root: string, entry: string): Promise<string[]> {
  if (!/[*?]/.test(entry)) return [path.resolve(root, entry)];
  const found: string[] = [];
  for await (const name of glob(entry, { cwd: root })) found.push(path.resolve(root, name));
  return found.sort(inOrder);
}

/** Numbers by their value: 10_b.sql comes behind 9_a.sql. */
const { compare: inOrder } = new Intl.Collator('en', { numeric: true });

/**
 * The files of a folder in the order in which they apply. Where it has none of its own, those of its folders, as Prisma
 * keeps them (`20260101_init/migration.sql`).
 */
async function filesIn(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.sql'));
  const own = entries.filter((name) => !name.includes(path.sep));
  return (own.length > 0 ? own : entries)
    .filter((name) => !TAKES_BACK.test(path.basename(name)) && !path.basename(name).startsWith('.'))
    .sort((a, b) => Number(REPEATABLE.test(a)) - Number(REPEATABLE.test(b)) || inOrder(a, b))
    .map((name) => path.join(folder, name));
}

async function ownSchema(): Promise<SourceFile[]> {
  const { holdfastFiles } = await import('../../migrate/holdfast-files.ts');
  return Object.keys(holdfastFiles)
    .filter((name) => name.endsWith('.up.sql'))
    .sort()
    .map((name) => ({ path: `${OWN_SCHEMA}/${name}`, text: holdfastFiles[name]! }));
}

/** The files of one entry of "schema", each as far as it is applied. Throws MisuseError when there are none. */
export async function readSchema(root: string, entry: string): Promise<SourceFile[]> {
  if (entry === OWN_SCHEMA) return ownSchema();
  const names: string[] = [];
  for (const full of await namedBy(root, entry))
    names.push(...((await stat(full)).isFile() ? [full] : await filesIn(full)));
  if (names.length === 0)
    throw invalidOption('"schema"', `${entry} has no .sql file in it that is a migration up`);
  const files = await Promise.all(names.map((name) => readSourceFile(root, name)));
  return files.map(({ path: shown, text }) => {
    const includes = (at: number) => {
      throw invalidOption(
        `${shown}:${placeOf({ path: shown, text }, at).line}`,
        'psql alone reads another file here: name that in "schema", before or behind this one',
      );
    };
    return { path: shown, text: schemaText(text, includes) };
  });
}
