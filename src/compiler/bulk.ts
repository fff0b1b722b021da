import type { Catalog, CatalogType } from './engine/catalog.ts';
import type { EngineQuery } from './source/engine-query.ts';
import { sqlIdentifier } from './source/keywords.ts';
import { type Token, tokenize } from './source/lexer.ts';
import { isCode } from './source/query-file.ts';
import type { Edit } from './stars.ts';

/** What is wrong with a statement, and at which offset of its text. */
export interface BulkProblem {
  readonly problem: string;
  readonly at: number;
}

/** Types of a statement's parameters by number, for those of which many values are sent. */
type Types = ReadonlyMap<number, CatalogType>;

/**
 * `SELECT r.c1, r.c2 FROM unnest($1::a[], $2::b[]) AS r (c1, c2)`: rows of parameters, of each of which there is a list.
 * An array has no arrays of many lengths in it: one travels as its text.
 */
function rows(values: string, types: Types, catalog: Catalog): string {
  const lists = [...types].map(([number, type]) => {
    const name = type.kind === 'array' ? 'text' : sqlTypeName(type, catalog);
    return `$${number}::${name}[]`;
  });
  const names = [...types.keys()].map((number) => `c${number}`);
  return `SELECT ${values}\nFROM unnest(${lists.join(', ')}) AS r (${names.join(', ')})`;
}

/** A parameter as a column of `rows`. */
function column(number: number, types: Types, catalog: Catalog): string {
  const type = types.get(number)!;
  return `r.c${number}${type.kind === 'array' ? `::${sqlTypeName(type, catalog)}` : ''}`;
}

function typesOf(numbers: readonly number[], oids: readonly number[], catalog: Catalog): Types {
  return new Map(
    numbers.flatMap((number) => {
      const type = catalog.types.get(oids[number - 1]!);
      return type ? [[number, type] as const] : [];
    }),
  );
}

/** What puts a statement's lists of rows in place of the one row that the engine was asked about. */
export function spreadRows({ spreads }: EngineQuery, oids: readonly number[], catalog: Catalog): Edit[] {
  return spreads.map(({ from, to, params }) => {
    const types = typesOf(params, oids, catalog);
    const values = params.map((number) => column(number, types, catalog)).join(', ');
    return { from, to, text: rows(values, types, catalog) };
  });
}

/**
 * `:copyfrom`: the INSERT of one row of parameters as the INSERT of many, with a list for each parameter.
 * `VALUES ($1, upper($2))` becomes `SELECT r.c1, upper(r.c2) FROM unnest(...)`. `text` is what to make it of.
 */
export function bulkInsert(
  text: string,
  oids: readonly number[],
  catalog: Catalog,
): { readonly text: string } | BulkProblem {
  if (oids.length === 0) return { problem: 'it has no parameters', at: 0 };
  const tokens = tokenize(text);
  const code = tokens.filter(isCode);
  let depth = 0;
  const start = code.findIndex((token) => {
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    return depth === 0 && /^values$/i.test(token.text);
  });
  if (start < 0 || !/^(insert|upsert)$/i.test(code[0]?.text ?? ''))
    return { problem: 'it is not an INSERT ... VALUES (...)', at: 0 };
  const end = closing(code, start + 1);
  if (code[end + 1]?.text === ',')
    return { problem: 'it has more than one row of VALUES', at: code[end + 1]!.at };
  const outside = code.find((token, i) => token.kind === 'param' && (i < start || i > end));
  if (outside) return { problem: `${outside.text} is used outside of VALUES`, at: outside.at };
  const types = typesOf(
    [...oids.keys()].map((i) => i + 1),
    oids,
    catalog,
  );
  const values = tokens
    .filter((token) => token.at > code[start + 1]!.at && token.at < code[end]!.at)
    .map((token) =>
      token.kind === 'param' ? column(Number(token.text.slice(1)), types, catalog) : token.text,
    )
    .join('');
  const before = text.slice(0, code[start]!.at);
  const after = text.slice(code[end]!.at + 1);
  return { text: `${before}${rows(values.trim(), types, catalog)}${after}` };
}

/** Index of the parenthesis that closes the one at `open`. */
function closing(code: readonly Token[], open: number): number {
  let depth = 0;
  let end = open;
  for (; end < code.length; end++) {
    if (code[end]!.text === '(') depth++;
    else if (code[end]!.text === ')' && --depth === 0) break;
  }
  return end;
}

function sqlTypeName(type: CatalogType, catalog: Catalog): string {
  const element = type.kind === 'array' ? catalog.types.get(type.element) : undefined;
  if (element) return `${sqlTypeName(element, catalog)}[]`;
  // Without quotes these two are of one bit and of one character, whatever the column is.
  const name = /^(?:bit|char)$/.test(type.name) ? `"${type.name}"` : sqlIdentifier(type.name);
  return type.schema === 'pg_catalog' ? name : `${sqlIdentifier(type.schema)}.${name}`;
}
