import type { Catalog, CatalogTable } from '../engine/catalog.ts';
import { type ColumnRef, noUse, type ParameterUse } from '../nullability/parameter-uses.ts';
import { type Token, tokenize } from '../source/lexer.ts';
import { findRelation } from './relation.ts';
import { UnresolvedError } from './unresolved.ts';

/**
 * Which columns parameters are stored in, in a statement that has no tree: `INSERT INTO t (a) VALUES ($1)`,
 * UPSERT, `UPDATE t SET a = $1`. Parameters in anything longer than themselves (and a cast) are left out.
 */
export function looseUses(text: string, catalog: Catalog): ReadonlyMap<number, ParameterUse> {
  const code = tokenize(text).filter(({ kind }) => kind !== 'space' && kind !== 'comment');
  const words = code.map(({ kind, text: word }) => (kind === 'word' ? word.toLowerCase() : word));
  const uses = new Map<number, ParameterUse>();
  const assign = (column: ColumnRef | undefined, value: readonly string[]) => {
    const n = /^\$(\d+)$/.exec(value[0] ?? '')?.[1];
    if (!column || n === undefined || (value.length > 1 && !value[1]?.startsWith(':'))) return;
    const known = uses.get(Number(n)) ?? noUse();
    known.assigned.push(column);
    uses.set(Number(n), known);
  };
  if (words[1] === 'into' && (words[0] === 'insert' || words[0] === 'upsert')) {
    const { table, next } = targetAt(code, 2, catalog);
    const columns = items(words, next);
    if (table && columns && words[columns.end] === 'values')
      for (
        let row = items(words, columns.end + 1);
        row;
        row = words[row.end] === ',' ? items(words, row.end + 1) : undefined
      )
        for (const [i, value] of row.items.entries()) assign(columnOf(table, columns.items[i]?.[0]), value);
  } else if (words[0] === 'update') {
    const { table, next } = targetAt(code, 1, catalog);
    const set = words.indexOf('set', next);
    if (table && set >= 0)
      for (const [name, equals, ...value] of items(['(', ...words.slice(set + 1), ')'], 0)?.items ?? [])
        if (equals === '=') assign(columnOf(table, name), untilClause(value));
  }
  return uses;
}

const untilClause = (value: readonly string[]) => {
  const end = value.findIndex((word) => /^(where|from|returning|order|limit)$/.test(word));
  return end < 0 ? value : value.slice(0, end);
};

const plainName = (word: string) =>
  word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word.toLowerCase();

function targetAt(
  code: readonly Token[],
  from: number,
  catalog: Catalog,
): { table?: CatalogTable; next: number } {
  const path = [plainName(code[from]?.text ?? '')];
  let next = from + 1;
  for (; code[next]?.text === '.'; next += 2) path.push(plainName(code[next + 1]?.text ?? ''));
  const [relname = '', schemaname = '', catalogname = ''] = path.toReversed();
  try {
    return { table: findRelation(catalog, { relname, schemaname, catalogname }), next };
  } catch (error) {
    if (error instanceof UnresolvedError) return { next };
    throw error;
  }
}

function columnOf(table: CatalogTable, name: string | undefined): ColumnRef | undefined {
  const column = table.columns.find((candidate) => name !== undefined && candidate.name === plainName(name));
  return column && { table, column };
}

/** The items of a list in parentheses that opens at `from`, each as its words, and what comes after it. */
function items(words: readonly string[], from: number): { items: string[][]; end: number } | undefined {
  if (words[from] !== '(') return undefined;
  const found: string[][] = [[]];
  let depth = 0;
  for (let i = from; i < words.length; i++) {
    const word = words[i]!;
    if (/^[([{]$/.test(word) && depth++ === 0) continue;
    if (/^[)\]}]$/.test(word) && --depth === 0) return { items: found, end: i + 1 };
    if (word === ',' && depth === 1) found.push([]);
    else found.at(-1)?.push(word);
  }
  return undefined;
}
