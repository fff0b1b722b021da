import type { DatabaseError } from '../../base/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { engineHint } from '../hints.ts';
import type { EngineQuery } from '../source/parameters.ts';
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

/** CockroachDB gives no position, but names what it means: the first token that is so called. */
function placeOfName({ source }: EngineQuery, message: string): number {
  const name = /"([^"]+)"/.exec(message)?.[1]?.split('.').at(-1);
  const token = source.tokens.find(({ text }) => text.toLowerCase() === name || text === `"${name}"`);
  return (token ?? source.tokens[0]!).at;
}

/** The compiler's own complaint about a query; at its name unless told otherwise. */
export function problem(
  query: EngineQuery,
  code: string,
  message: string,
  hint: string,
  at = query.source.nameAt,
): Diagnostic {
  return { severity: 'error', code, message, hint, file: query.source.file, at, query: query.source.name };
}

/** What the engine refused, at its place. */
export function refusal(query: EngineQuery, error: DatabaseError, cockroach: boolean): Diagnostic {
  const { position } = error;
  return {
    severity: 'error',
    code: error.code,
    message: error.message,
    hint: error.hint ?? workHint(query, error) ?? engineHint(error, cockroach),
    file: query.source.file,
    at:
      position === undefined
        ? placeOfName(query, error.message)
        : query.toSource(characterOffset(query.text, position)),
    query: query.source.name,
  };
}
