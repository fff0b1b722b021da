import { createHash } from 'node:crypto';
import type { AnalyzedColumn, AnalyzedEmbed, AnalyzedParam, AnalyzedQuery } from '../analyzed.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { EngineQuery } from '../source/engine-query.ts';
import type { TypeUse } from '../types/type-use.ts';
import { statementAt } from './query-key.ts';

/** What the engine's answer made of a query, and what was said of it; places count from where its statement begins. */
export interface CachedQuery
  extends Pick<AnalyzedQuery, 'text' | 'operation' | 'collection' | 'params' | 'columns' | 'embeds' | 'row'> {
  readonly warnings: readonly {
    readonly code: string;
    readonly message: string;
    readonly hint?: string | undefined;
    readonly at: number;
  }[];
}

export function toCached(query: AnalyzedQuery, said: readonly Diagnostic[]): CachedQuery {
  const { text, operation, collection, params, columns, embeds, row, source } = query;
  const warnings = said.map(({ code, message, hint, at }) => ({
    code,
    message,
    hint,
    at: at - statementAt(source),
  }));
  return { text, operation, collection, params, columns, embeds, row, warnings };
}

export function fromCached(
  { warnings, ...known }: CachedQuery,
  engineQuery: EngineQuery,
): { readonly query: AnalyzedQuery; readonly warnings: readonly Diagnostic[] } {
  const { source } = engineQuery;
  return {
    query: { ...known, source, engineQuery, collection: known.collection, tree: undefined },
    warnings: warnings.map((warning) => ({
      ...warning,
      severity: 'warning',
      file: source.file,
      at: statementAt(source) + warning.at,
      query: source.name,
    })),
  };
}

/** Cached queries by key. */
export type Entries = ReadonlyMap<string, CachedQuery>;

const checksum = (body: string) => createHash('sha256').update(body).digest('hex');

/**
 * The text of a cache file: a checksum, then JSON. A type is written once however many columns have it.
 */
export function entriesText(entries: Entries): string {
  const uses: TypeUse[] = [];
  const known = new Map<string, number>();
  const number = (use: TypeUse): number => {
    const text = JSON.stringify(use);
    const found = known.get(text) ?? uses.push(use) - 1;
    known.set(text, found);
    return found;
  };
  const queries = [...entries].map(([key, query]) => [
    key,
    {
      ...query,
      params: query.params.map((param) => ({ ...param, use: number(param.use) })),
      columns: query.columns.map((column) => ({ ...column, use: number(column.use) })),
      embeds: query.embeds.map((embed) => ({ ...embed, row: embed.row && number(embed.row) })),
      row: query.row && number(query.row),
    },
  ]);
  const body = JSON.stringify({ uses, queries });
  return `${checksum(body)}\n${body}`;
}

/** As written: types by number. */
interface Written {
  readonly uses: readonly TypeUse[];
  readonly queries: readonly (readonly [
    key: string,
    query: Omit<CachedQuery, 'params' | 'columns' | 'embeds' | 'row'> & {
      readonly params: readonly Numbered<AnalyzedParam>[];
      readonly columns: readonly Numbered<AnalyzedColumn>[];
      readonly embeds: readonly (Omit<AnalyzedEmbed, 'row'> & { readonly row?: number })[];
      readonly row?: number;
    },
  ])[];
}

type Numbered<T> = Omit<T, 'use'> & { readonly use: number };

/** What a cache file holds; nothing when it is not whole, whatever the reason. */
export function readEntries(text: string): Entries {
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  if (end < 0 || text.slice(0, end) !== checksum(body)) return new Map();
  const { uses, queries } = JSON.parse(body) as Written;
  return new Map(
    queries.map(([key, query]) => [
      key,
      {
        ...query,
        params: query.params.map((param) => ({ ...param, use: uses[param.use]! })),
        columns: query.columns.map((column) => ({ ...column, use: uses[column.use]! })),
        embeds: query.embeds.map((embed) => ({ ...embed, row: uses[embed.row ?? -1] })),
        row: uses[query.row ?? -1],
      },
    ]),
  );
}
