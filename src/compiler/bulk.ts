import type { Catalog, CatalogType } from './engine/catalog.ts';
import { sqlIdentifier } from './source/keywords.ts';
import { tokenize } from './source/lexer.ts';
import { isCode } from './source/query-file.ts';

/**
 * `:copyfrom`: the INSERT of one row of parameters as the INSERT of many, with an array for each parameter.
 * `VALUES ($1, upper($2))` becomes `SELECT r.c1, upper(r.c2) FROM unnest($1::a[], $2::b[]) AS r (c1, c2)`.
 * Gives the text, or what is wrong with the statement.
 */
export function bulkInsert(
  statement: string,
  params: readonly number[],
  catalog: Catalog,
): { text: string } | { problem: string } {
  if (params.length === 0) return { problem: 'it has no parameters' };
  const tokens = tokenize(statement);
  const code = tokens.filter(isCode);
  let depth = 0;
  const start = code.findIndex((token) => {
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    return depth === 0 && /^values$/i.test(token.text);
  });
  if (start < 0 || !/^(insert|upsert)$/i.test(code[0]?.text ?? ''))
    return { problem: 'it is not an INSERT ... VALUES (...)' };
  let end = start + 1;
  for (depth = 0; end < code.length; end++) {
    if (code[end]!.text === '(') depth++;
    else if (code[end]!.text === ')' && --depth === 0) break;
  }
  if (code[end + 1]?.text === ',') return { problem: 'it has more than one row of VALUES' };
  const outside = code.filter((token, i) => token.kind === 'param' && (i < start || i > end));
  if (outside.length > 0) return { problem: `${outside[0]!.text} is used outside of VALUES` };
  const types = params.map((oid) => catalog.types.get(oid));
  const array = types.find((type) => type?.kind === 'array');
  if (array || types.includes(undefined))
    return { problem: 'a parameter is an array, and arrays of arrays have no shape of their own' };
  const values = tokens
    .filter((token) => token.at > code[start + 1]!.at && token.at < code[end]!.at)
    .map((token) => (token.kind === 'param' ? `r.c${token.text.slice(1)}` : token.text))
    .join('');
  const arrays = types.map((type, i) => `$${i + 1}::${sqlTypeName(type!)}[]`).join(', ');
  const names = types.map((_, i) => `c${i + 1}`).join(', ');
  const before = statement.slice(0, code[start]!.at);
  const after = statement.slice(code[end]!.at + 1);
  return { text: `${before}SELECT ${values.trim()}\nFROM unnest(${arrays}) AS r (${names})${after}` };
}

function sqlTypeName(type: CatalogType): string {
  const name = sqlIdentifier(type.name);
  return type.schema === 'pg_catalog' ? name : `${sqlIdentifier(type.schema)}.${name}`;
}
