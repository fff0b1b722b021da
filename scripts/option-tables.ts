/**
 * Writes the tables of options in docs/configuration.md from the option schemas: a row for each option, its meaning and
 * its default from the doc comment. A sentence that begins with "Default" is the default.
 * `--check` fails when the page is not what would be written.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { z } from 'zod';
import { downloaderSchema } from '../src/artifacts/options.ts';
import { s3StoreSchema } from '../src/artifacts/s3-store.ts';
import { consoleSchema } from '../src/console/console.ts';
import { connectOptionsSchema } from '../src/database/options.ts';
import { explainSchema } from '../src/faces/explain.ts';
import { listenSchema } from '../src/serving/listen.ts';
import { sessionOptionsSchema } from '../src/sessions/options.ts';
import { transactOptionsSchema } from '../src/transact/options.ts';
import { janitorSchema } from '../src/upkeep/options.ts';
import { backoffSchema } from '../src/work/backoff.ts';
import { kindOptionsSchema } from '../src/work/kinds.ts';
import { controlLoopSchema } from '../src/work/loop-options.ts';

const root = new URL('../', import.meta.url);
const page = new URL('docs/configuration.md', root);

const schemas: Readonly<Record<string, readonly [file: string, schema: z.ZodObject]>> = {
  connectOptionsSchema: ['src/database/options.ts', connectOptionsSchema],
  sessionOptionsSchema: ['src/sessions/options.ts', sessionOptionsSchema],
  transactOptionsSchema: ['src/transact/options.ts', transactOptionsSchema],
  controlLoopSchema: ['src/work/loop-options.ts', controlLoopSchema],
  backoffSchema: ['src/work/backoff.ts', backoffSchema],
  kindOptionsSchema: ['src/work/kinds.ts', kindOptionsSchema],
  janitorSchema: ['src/upkeep/options.ts', janitorSchema],
  consoleSchema: ['src/console/console.ts', consoleSchema],
  listenSchema: ['src/serving/listen.ts', listenSchema],
  explainSchema: ['src/faces/explain.ts', explainSchema],
  downloaderSchema: ['src/artifacts/options.ts', downloaderSchema],
  s3StoreSchema: ['src/artifacts/s3-store.ts', s3StoreSchema],
};

/** The doc comments of a schema's options in its source, by path. */
function commentsOf(source: string, name: string): ReadonlyMap<string, string> {
  const start = source.indexOf(`export const ${name} = z.strictObject({\n`);
  if (start < 0) throw new Error(`no ${name}`);
  const comments = new Map<string, string>();
  const groups: { name: string; indent: number }[] = [];
  let comment = '';
  for (const line of source.slice(start).split('\n').slice(1)) {
    if (line === '});') break;
    const indent = line.search(/\S/);
    while (groups.length > 0 && indent < groups.at(-1)!.indent) groups.pop();
    const property = /^\s+(\w+): ?(.*)$/.exec(line);
    if (/^\s*(\/\*\*|\*)/.test(line)) {
      comment += ` ${line.replace(/^\s*(\/\*\*|\*\/|\*)/, '').replace('*/', '')}`;
    } else if (property) {
      const path = [...groups.map((group) => group.name), property[1]!].join('.');
      comments.set(path, comment.replaceAll(/\s+/g, ' ').trim());
      comment = '';
      // What stands deeper than the call of a nested object are its options.
      if (property[2] === 'z') groups.push({ name: property[1]!, indent: indent + 2 });
    }
  }
  return comments;
}

const isObject = (type: unknown): type is z.ZodObject =>
  typeof type === 'object' && type !== null && 'shape' in type;

/** Every option of a schema by path, and whether it may be left out. */
function optionsOf(
  schema: z.ZodObject,
  prefix = '',
): readonly (readonly [path: string, optional: boolean])[] {
  return Object.entries(schema.shape).flatMap(([name, type]) => {
    const inner: unknown = 'unwrap' in type ? (type as z.ZodOptional).unwrap() : type;
    if (isObject(inner) && inner !== backoffSchema) return optionsOf(inner, `${prefix}${name}.`);
    return [[prefix + name, (type as z.ZodType).safeParse(undefined).success] as const];
  });
}

/** The table of a schema. Throws for an option without a comment, and for an optional one that names no default. */
async function tableOf(name: string): Promise<string> {
  const [file, schema] = schemas[name]!;
  const comments = commentsOf(await readFile(new URL(file, root), 'utf8'), name);
  const rows = optionsOf(schema).map(([path, optional]) => {
    const sentences = (comments.get(path) ?? '').split(/(?<=\.) (?=[A-Z`])/);
    const [given] = sentences.filter((sentence) => sentence.startsWith('Default'));
    const meaning = sentences.filter((sentence) => sentence !== given).join(' ');
    const fallback = optional ? given?.replace(/^Default:? /, '').replace(/\.$/, '') : 'required';
    if (meaning === '' || fallback === undefined)
      throw new Error(`${file}: ${path} needs a doc comment that says what it means, and its default`);
    return `| \`${path}\` | ${meaning.replace(/\.$/, '').replaceAll('|', '\\|')} | ${fallback} |`;
  });
  return ['| option | meaning | default |', '|---|---|---|', ...rows].join('\n');
}

/** The page with every table as the schemas have it. A table stands between `<!-- options: NAME -->` and `<!-- end -->`. */
export async function withTables(text: string): Promise<string> {
  let out = text;
  for (const [all, name] of text.matchAll(/<!-- options: (\w+) -->\n[\s\S]*?<!-- end -->/g))
    out = out.replace(all, () => `<!-- options: ${name} -->\n`);
  for (const name of Object.keys(schemas)) {
    const place = `<!-- options: ${name} -->\n`;
    if (!out.includes(place)) throw new Error(`docs/configuration.md has no place for ${name}`);
    const table = await tableOf(name);
    out = out.replace(place, () => `${place}\n${table}\n\n<!-- end -->`);
  }
  return out;
}

if (import.meta.main) {
  const text = await readFile(page, 'utf8');
  const wanted = await withTables(text);
  if (!process.argv.includes('--check')) await writeFile(page, wanted);
  else if (wanted !== text) {
    console.error('docs/configuration.md is not what the option schemas say: npm run docs:options');
    process.exitCode = 1;
  }
}
