import { valueNamed } from '../base/index.ts';
import type { AnalyzedQuery } from './analyzed.ts';
import type { ColumnOverride, CompileTarget } from './config.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Catalog, CatalogType } from './engine/catalog.ts';
import type { SourceQuery } from './source/query-file.ts';
import { typeChoices } from './types/builtin-types.ts';
import { typeName } from './types/resolve-type.ts';
import { sqlTypeName } from './types/sql-type-name.ts';

/** A column's override: its own before one with `*`, which stands for any part of a name; the first of these counts. */
export function columnOverride<T>(columns: Readonly<Record<string, T>>, column: string): T | undefined {
  const own = [column, column.replace(/^[^.]*\./, '')].find((key) => Object.hasOwn(columns, key));
  const key =
    own ?? Object.keys(columns).find((pattern) => pattern.includes('*') && matches(pattern, column));
  return key === undefined ? undefined : columns[key];
}

/** `*.created_at`, `billing.*.amount`, `order_*.note`: as many parts as are given, counted from the column. */
function matches(pattern: string, column: string): boolean {
  const wanted = pattern.split('.');
  const parts = column.split('.').slice(-wanted.length);
  return wanted.length === parts.length && wanted.every((part, i) => glob(part).test(parts[i]!));
}

const glob = (part: string) =>
  new RegExp(`^${part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&').replaceAll('*', '.*')}$`);

/** What is wrong with one key of the configuration. */
export interface OverrideProblem {
  /** Where it is: `['overrides', 'columns', 'note.at']`. */
  readonly path: readonly string[];
  readonly problem: string;
}

/** Words for what values of a type can be had as without a codec of the user's own. */
const choicesFor = ({ name }: CatalogType): readonly string[] => [
  ...new Set([...Object.keys(valueNamed(typeChoices, name) ?? {}), 'string']),
];

function baseOf(type: CatalogType, catalog: Catalog): CatalogType {
  const base = type.kind === 'domain' ? catalog.types.get(type.base) : undefined;
  return base ? baseOf(base, catalog) : type;
}

/** Why an override says nothing of a value of this type. */
function meaningless(override: ColumnOverride, type: CatalogType, catalog: Catalog): string | undefined {
  const { as, type: ts, codec, zod, from, nullable, dimensions } = override;
  if ([as, ts, codec, zod, nullable, dimensions].every((part) => part === undefined))
    return 'it says nothing: give "as", "codec", "zod", "nullable" or "dimensions"';
  if (codec !== undefined && zod !== undefined)
    return 'it has a "codec" and a "zod" schema: give one of them';
  if ((codec ?? zod) !== undefined && from === undefined)
    return `${codec ?? zod} comes from nowhere: give "from", the module that exports it`;
  if ((codec ?? zod) === undefined && from !== undefined)
    return '"from" is where a "codec" or a "zod" schema comes from: give one of them';
  const base = baseOf(type, catalog);
  if (dimensions !== undefined && base.kind !== 'array')
    return `"dimensions" are those of an array, and this is ${sqlTypeName(type.oid, catalog)}`;
  if ((codec ?? zod) !== undefined) return undefined;
  const choice = as ?? ts;
  const choices = choicesFor(base);
  if (choice === undefined || choices.includes(choice)) return undefined;
  const list = choices.join(' or ');
  return `${sqlTypeName(type.oid, catalog)} cannot be had as ${choice}: say "as": ${list}, or give a "codec"`;
}

/** Overrides of types and columns that mean nothing in this database. */
export function wrongOverrides(target: CompileTarget, catalog: Catalog): OverrideProblem[] {
  const problems: OverrideProblem[] = [];
  const say = (path: readonly string[], problem: string | undefined) => {
    if (problem !== undefined) problems.push({ path, problem });
  };
  const types = [...catalog.types.values()];
  for (const [name, override] of Object.entries(target.types)) {
    const named = types.filter((type) => typeName(type) === name || type.name === name);
    const path = ['overrides', 'types', name];
    if (named.length === 0)
      say(path, 'there is no such type in the schema (names are those of pg_type: int8, timestamptz)');
    else say(path, meaningless(override, named[0]!, catalog));
  }
  const columns = [...catalog.tables.values()].flatMap((table) =>
    table.columns.map((column) => ({ ...column, path: `${table.schema}.${table.name}.${column.name}` })),
  );
  for (const [name, override] of Object.entries(target.columns)) {
    const only = { [name]: true };
    const named = columns.filter(({ path }) => columnOverride(only, path));
    const path = ['overrides', 'columns', name];
    const complaints = named.map(({ typeOid }) =>
      meaningless(override, catalog.types.get(typeOid)!, catalog),
    );
    if (named.length === 0) say(path, 'there is no such column in the schema (write table.column)');
    // A pattern may match columns on which it has no bearing, but not only such.
    else if (complaints.every((complaint) => complaint !== undefined)) say(path, complaints[0]);
  }
  return problems;
}

/** What is wrong with the overrides of one query. `types` are those of its columns and parameters by name. */
export function wrongQueryOverrides(
  target: CompileTarget,
  query: string,
  types: ReadonlyMap<string, number>,
  catalog: Catalog,
): OverrideProblem[] {
  return Object.entries(target.queriesOverrides[query] ?? {}).flatMap(([name, override]) => {
    const type = catalog.types.get(types.get(name) ?? 0);
    const problem = type && meaningless(override, type, catalog);
    return problem === undefined ? [] : [{ path: ['overrides', 'queries', query, name], problem }];
  });
}

/** As it is said, at its place in the configuration. */
export function overrideDiagnostic(
  { source }: CompileTarget,
  { path, problem }: OverrideProblem,
): Diagnostic {
  const at = Math.max(0, source.text.indexOf(JSON.stringify(path.at(-1))));
  return { severity: 'error', code: 'HF041', message: `${path.join('.')}: ${problem}`, file: source, at };
}

/** Overrides of queries, and names of fields, that belong to nothing. `read` are all queries, `analyzed` the good ones. */
export function unusedOverrides(
  target: CompileTarget,
  read: readonly SourceQuery[],
  analyzed: readonly AnalyzedQuery[],
): OverrideProblem[] {
  const problems: OverrideProblem[] = [];
  const namesOf = (query: AnalyzedQuery) => [
    ...query.columns.map(({ name }) => name),
    ...query.engineQuery.params.flatMap(({ name }, i) => name ?? query.params[i]?.field ?? []),
  ];
  for (const [name, columns] of Object.entries(target.queriesOverrides)) {
    const path = ['overrides', 'queries', name];
    if (!read.some((query) => query.name === name)) {
      problems.push({ path, problem: 'no query is called so' });
      continue;
    }
    const query = analyzed.find(({ engineQuery }) => engineQuery.source.name === name);
    if (!query) continue;
    const known = namesOf(query);
    for (const column of Object.keys(columns))
      if (!known.includes(column))
        problems.push({
          path: [...path, column],
          problem: `${name} has no column or parameter of that name`,
        });
  }
  if (analyzed.length < read.length) return problems;
  const used = new Set(analyzed.flatMap(namesOf).flatMap((name) => name.split(/\[\]\.|\./)));
  for (const query of analyzed) for (const table of query.engineQuery.embeds.values()) used.add(table);
  for (const name of Object.keys(target.rename))
    if (!used.has(name))
      problems.push({ path: ['rename', name], problem: 'no column or parameter of a query is called so' });
  return problems;
}
