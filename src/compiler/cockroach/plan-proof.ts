import type { Catalog, CatalogType } from '../engine/catalog.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { WireDescription } from '../engine/wire.ts';
import { sqlIdentifier } from '../source/keywords.ts';
import { tokenize } from '../source/lexer.ts';
import { replaceParameters } from '../source/replace-parameters.ts';
import { withoutSystemTime } from './dialect.ts';
import { sessionValues } from './unstable.ts';

/**
 * Whether CockroachDB's plan is one for all times: it computes what depends on the clock or the session before
 * it plans, and what it then proves holds for that moment. Statements with such functions, of their own or
 * behind a view, are not asked about.
 */
function isTimeless(text: string, { cockroach }: Catalog): boolean {
  return tokenize(text).every(({ kind, text: word }) => {
    const name = kind === 'string' ? word.slice(1, -1) : word.replaceAll('"', '').toLowerCase();
    if (kind === 'string') return !sessionValues.test(name.trim());
    if (kind !== 'word' && kind !== 'quoted') return true;
    return !sessionValues.test(name) && !cockroach?.unstable.has(name);
  });
}

/** A cast to the type, for a value that no planner can foresee. */
function unforeseen(type: CatalogType | undefined, catalog: Catalog): string | undefined {
  if (!type) return undefined;
  const element = type.kind === 'array' ? catalog.types.get(type.element) : undefined;
  if (type.kind === 'array' && !element) return undefined;
  const { schema, name } = element ?? type;
  const shown = schema === 'pg_catalog' ? name : `${sqlIdentifier(schema)}.${sqlIdentifier(name)}`;
  return `(random()::STRING::${shown}${element ? '[]' : ''})`;
}

/** The statement with its parameters replaced by values that nothing is known of. */
function planText(text: string, params: readonly number[], catalog: Catalog): string | undefined {
  return replaceParameters(withoutSystemTime(text), (number) =>
    unforeseen(catalog.types.get(params[number - 1] ?? 0), catalog),
  );
}

/**
 * For each output column whether CockroachDB's optimizer proves that it is never null: `id:1(uuid!null)` in
 * EXPLAIN (OPT, TYPES). Undefined when it cannot be asked, or when its answer would not be one for always.
 */
export async function planProof(
  text: string,
  description: WireDescription,
  database: CompileDatabase,
): Promise<readonly boolean[] | undefined> {
  const { catalog } = database;
  if (description.columns.length === 0 || !isTimeless(withoutSystemTime(text), catalog)) return undefined;
  const statement = planText(text, description.params, catalog);
  if (statement === undefined) return undefined;
  let plan: readonly string[];
  try {
    plan = (await database.query(`EXPLAIN (OPT, TYPES) ${statement}`)).map((row) => row[0] ?? '');
  } catch {
    return undefined;
  }
  // Nothing is null in what gives no row.
  if (plan.some((line) => line.includes('cardinality: [0 - 0]'))) return undefined;
  const columns = plan.find((line) => /^ *[├└]── columns: /.test(line));
  return columns === undefined
    ? undefined
    : readColumns(
        columns.replace(/^.*?columns: /, ''),
        description.columns.map(({ name }) => name),
      );
}

/** Reads `name:2(string!null) n:4(decimal(10,2))  [hidden: ...]`; undefined unless it is about these columns. */
function readColumns(line: string, names: readonly string[]): boolean[] | undefined {
  let rest = line;
  const found: boolean[] = [];
  for (const name of names) {
    const shown = [name, `"${name}"`].find((form) => rest.startsWith(`${form}:`));
    const id = shown === undefined ? null : /^\d+\(/.exec(rest.slice(shown.length + 1));
    if (shown === undefined || !id) return undefined;
    const open = shown.length + 1 + id[0].length;
    let depth = 1;
    let at = open;
    for (; depth > 0 && at < rest.length; at++) {
      if (rest[at] === '(') depth++;
      else if (rest[at] === ')') depth--;
    }
    found.push(rest.slice(open, at - 1).endsWith('!null'));
    rest = rest.slice(at).trimStart();
  }
  return rest === '' || rest.startsWith('[') ? found : undefined;
}
