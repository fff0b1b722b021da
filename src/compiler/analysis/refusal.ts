import type { DatabaseError } from '../../base/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { CatalogTable } from '../engine/catalog.ts';
import { engineHint } from '../hints.ts';
import type { EngineQuery } from '../source/engine-query.ts';
import { workHint } from '../work-query.ts';

/** Offset in UTF-16 units of the n-th character (from 1). */
function characterOffset(text: string, position: number): number {
  let offset = 0;
  let count = 1;
  for (const character of text) {
    if (count === position) break;
    offset += character.length;
    count++;
  }
  return offset;
}

/** What the engine says of `$1`, said of the parameter as the file writes it. */
export function withNames({ params, source }: EngineQuery, message: string): string {
  return message.replace(/\$(\d+)/g, (number, digits: string) => {
    const { name } = params[Number(digits) - 1] ?? {};
    // TypedSQL names its parameters beside the statement, which has their numbers.
    const written = source.tokens.some(({ text }) => text === number);
    return name === undefined || written ? number : `${source.marker}${name}`;
  });
}

/** No position comes with it, but what it means is named: a parameter, or the first token that is so called. */
function placeOfName({ source, params }: EngineQuery, message: string): number {
  const number = /\$(\d+)/.exec(message)?.[1];
  const param = number === undefined ? undefined : params[Number(number) - 1];
  if (param && param.at >= 0) return param.at;
  const name = /"([^"]+)"/.exec(message)?.[1]?.split('.').at(-1);
  const token = source.tokens.find(({ text }) => text.toLowerCase() === name || text === `"${name}"`);
  return (token ?? source.tokens[0]!).at;
}

/** What the engine refused, at its place. */
export function refusal(
  query: EngineQuery,
  error: DatabaseError,
  cockroach: boolean,
  tables: Iterable<CatalogTable>,
): Diagnostic {
  const { position } = error;
  return {
    severity: 'error',
    code: error.code,
    message: withNames(query, error.message),
    hint: error.hint ?? workHint(query, error) ?? engineHint(error, query.source.marker, cockroach, tables),
    file: query.source.file,
    at:
      position === undefined
        ? placeOfName(query, error.message)
        : query.toSource(characterOffset(query.text, position)),
    query: query.source.name,
  };
}
