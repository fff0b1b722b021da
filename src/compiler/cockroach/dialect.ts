import { type Token, tokenize } from '../source/lexer.ts';

const isSpace = (token: Token | undefined) => token?.kind === 'space' || token?.kind === 'comment';
const closes = /^(where|order|group|having|window|limit|offset|fetch|for|union|intersect|except|returning)$/i;

/**
 * Blanks out of a statement what only CockroachDB has and what bears on no type: AS OF SYSTEM TIME, index
 * and join hints, RETURNING NOTHING, ORDER BY and LIMIT of an UPDATE or DELETE; UPSERT becomes INSERT. What
 * is left stands where it stood, so that places stay right.
 */
export function plainSql(text: string): string {
  const tokens = tokenize(text);
  const code = tokens.filter((token) => !isSpace(token));
  const words = code.map(({ kind, text: word }) => (kind === 'word' ? word.toLowerCase() : word));
  const blank = new Map<Token, string>();
  const erase = (from: number, to: number) => {
    for (let i = from; i < to; i++) blank.set(code[i]!, ' '.repeat(Buffer.byteLength(code[i]!.text, 'utf8')));
  };
  const endOfClause = (from: number, stop: RegExp) => {
    let depth = 0;
    let i = from;
    for (; i < code.length; i++) {
      const word = words[i]!;
      if (word === '(') depth++;
      else if (word === ')' && depth-- === 0) break;
      else if (depth === 0 && (word === ';' || word === ',' || stop.test(word))) break;
    }
    return i;
  };
  let depth = 0;
  for (const [i, word] of words.entries()) {
    if (word === '(') depth++;
    if (word === ')') depth--;
    const next = words[i + 1];
    if (word === 'as' && next === 'of' && words[i + 2] === 'system' && words[i + 3] === 'time')
      erase(i, endOfClause(i + 4, closes));
    else if (word === '@' && isName(code[i - 1])) {
      if (isName(code[i + 1])) erase(i, i + 2);
      else if (next === '{') erase(i, words.indexOf('}', i) + 1);
    } else if (word === 'upsert') blank.set(code[i]!, 'INSERT');
    else if (/^(hash|merge|lookup|inverted)$/.test(word) && next === 'join') erase(i, i + 1);
    else if (word === 'returning' && next === 'nothing') erase(i, i + 2);
    else if (depth === 0 && /^(order|limit)$/.test(word) && /^(update|delete)$/.test(words[0] ?? ''))
      erase(i, endOfList(words, i));
  }
  return tokens.map((token) => blank.get(token) ?? token.text).join('');
}

const isName = (token: Token | undefined) => token?.kind === 'word' || token?.kind === 'quoted';

/** Where ORDER BY and LIMIT of a change end: at RETURNING or the end. */
function endOfList(words: readonly string[], from: number): number {
  const end = words.findIndex((word, i) => i > from && (word === 'returning' || word === ';'));
  return end < 0 ? words.length : end;
}
