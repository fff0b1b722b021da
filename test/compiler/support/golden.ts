import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../../src/compiler/config-schema.ts';
import type { Engine } from '../../../src/compiler/engine/engine.ts';
import {
  compileTargets,
  formatDiagnostic,
  type QueryCache,
  type TargetFiles,
} from '../../../src/compiler/index.ts';

// A theme is two files: THEME.sql has the cases, THEME.md what each of them gives. A case begins with the line
// `-- case: NAME`; lines right below it may name a schema other than the theme's (`-- schema: NAME`), give options of the
// target (`-- config: {...}`), ask for other line ends (`-- line ends: CRLF`), or say which release of PostgreSQL it needs
// (`-- postgresql: 17`). The rest is its queries file.
// schemas/NAME.sql is applied to one database, which all cases of that schema share; NAME.data.sql has rows for it.
// In THEME.md the section `## CASE/FILE` holds a module that is generated, or messages.txt, which is what was said.

export const goldenRoot = fileURLToPath(new URL('../../golden', import.meta.url));

/** Where the expected modules are written for those who need them as files: the type check, Biome, an import. */
const modulesRoot = path.join(goldenRoot, 'out');

export interface GoldenCase {
  /** `theme/case` */
  readonly name: string;
  readonly theme: string;
  /** The name of its schema. */
  readonly schema: string;
  readonly queries: string;
  readonly config: object;
  /** The oldest release of PostgreSQL that takes it. */
  readonly since: number;
  /** The folder of its expected modules, once `writeModules` has been called. */
  readonly modules: string;
  /** Expected text by file name. */
  readonly expected: Readonly<Record<string, string>>;
}

function readHead(text: string, theme: string, themeSchema: string): Omit<GoldenCase, 'expected'> {
  const [, name, options, queries] =
    /^-- case: (\S+)\n((?:-- (?:schema|config|line ends|postgresql): [^\n]*\n)*)(.*)$/s.exec(text)!;
  const option = (key: string) => new RegExp(`^-- ${key}: (.*)$`, 'm').exec(options!)?.[1];
  return {
    name: `${theme}/${name}`,
    theme,
    schema: option('schema') ?? themeSchema,
    config: JSON.parse(option('config') ?? '{}') as object,
    since: Number(option('postgresql') ?? 0),
    queries: option('line ends') === 'CRLF' ? queries!.replaceAll('\n', '\r\n') : queries!,
    modules: path.join(modulesRoot, theme, name!),
  };
}

function readExpected(theme: string): Map<string, Record<string, string>> {
  const cases = new Map<string, Record<string, string>>();
  const file = path.join(goldenRoot, `${theme}.md`);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  for (const [, name, output, content] of text.matchAll(/^## ([^\s/]+)\/(\S+)\n\n```\w+\n(.*?)^```$/gms))
    cases.set(name!, { ...cases.get(name!), [output!]: content! });
  return cases;
}

/** The cases of an engine: those of the theme `cockroachdb` are CockroachDB's, the others PostgreSQL's. */
export function goldenCases(engine: 'postgresql' | 'cockroachdb', release = Infinity): GoldenCase[] {
  return allCases().filter(
    ({ theme, since }) => (theme === 'cockroachdb') === (engine === 'cockroachdb') && since <= release,
  );
}

function allCases(): GoldenCase[] {
  const themes = readdirSync(goldenRoot)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => path.basename(name, '.sql'));
  return themes.sort().flatMap((theme) => {
    const text = readFileSync(path.join(goldenRoot, `${theme}.sql`), 'utf8');
    // A blank line stands between two cases and belongs to neither.
    const [head, ...cases] = text.split(/\n(?=-- case: )/);
    const expected = readExpected(theme);
    return cases
      .map((block) => readHead(block, theme, /^-- schema: (\S+)$/m.exec(head!)![1]!))
      .map((golden) => ({ ...golden, expected: expected.get(path.basename(golden.name)) ?? {} }));
  });
}

/** Sections of expected texts that no case has, as `theme/case`. */
export function orphans(): string[] {
  const names = new Set(allCases().map(({ name }) => name));
  const themes = new Set(allCases().map(({ theme }) => theme));
  return [...themes].flatMap((theme) =>
    [...readExpected(theme).keys()].map((name) => `${theme}/${name}`).filter((name) => !names.has(name)),
  );
}

/** The schema and, where it has some, the rows of it. */
export function schemaOf(name: string): { schema: string; data: string | undefined } {
  const data = path.join(goldenRoot, 'schemas', `${name}.data.sql`);
  return {
    schema: readFileSync(path.join(goldenRoot, 'schemas', `${name}.sql`), 'utf8'),
    data: existsSync(data) ? readFileSync(data, 'utf8') : undefined,
  };
}

/** Modules or messages by file name, as the compiler gives them. */
export async function actualOf(
  golden: GoldenCase,
  engine: Engine,
  cache?: QueryCache,
): Promise<Record<string, string>> {
  const { compiled, diagnostics } = await compileTargets([filesOf(golden)], engine, cache);
  const failed = diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  const actual = Object.fromEntries(failed ? [] : (compiled[0]?.outputs ?? []));
  if (diagnostics.length > 0) actual['messages.txt'] = `${diagnostics.map(formatDiagnostic).join('\n')}\n`;
  return actual;
}

function filesOf({ config, schema, queries, modules }: GoldenCase): TargetFiles {
  const base = { queries: 'queries.sql', schema: 'schema.sql', out: 'expected' };
  const runtime = '../../../../../src/query/index.ts';
  const [target] = parseConfig(
    JSON.stringify({ compile: [{ ...base, runtime, ...config }] }, null, 1),
    'config.json',
  );
  return {
    target: target!,
    paths: target!,
    schema: [{ path: 'schema.sql', text: schemaOf(schema).schema }],
    queries: [{ path: 'queries.sql', text: queries }],
    root: path.resolve(modules, path.posix.relative(`/${target!.out}`, '/')),
    out: modules,
  };
}

/** Writes the expected modules of all engines to files, with the hand-written modules that they import. */
export async function writeModules(): Promise<void> {
  await rm(modulesRoot, { recursive: true, force: true });
  const written = allCases().map(async ({ modules, expected }) => {
    await mkdir(modules, { recursive: true });
    for (const [name, text] of Object.entries(expected))
      if (name.endsWith('.ts')) await writeFile(path.join(modules, name), text);
  });
  await Promise.all(written);
  await cp(path.join(goldenRoot, 'support'), path.join(modulesRoot, 'overrides'), { recursive: true });
}

/** Writes what was seen as expected; for the person who then reads the difference. */
export async function accept(actual: ReadonlyMap<GoldenCase, Record<string, string>>): Promise<void> {
  const themes = Map.groupBy(allCases(), ({ theme }) => theme);
  const seen = new Map([...actual].map(([{ name }, outputs]) => [name, outputs]));
  for (const [theme, cases] of themes) {
    const sections = cases.flatMap(({ name, expected }) =>
      Object.entries(seen.get(name) ?? expected)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(
          ([output, text]) =>
            `## ${path.basename(name)}/${output}\n\n\`\`\`${output.endsWith('.ts') ? 'ts' : 'text'}\n${text}\`\`\`\n`,
        ),
    );
    const text = [`# What the cases of ${theme}.sql give\n`, ...sections].join('\n');
    await writeFile(path.join(goldenRoot, `${theme}.md`), text);
  }
}
