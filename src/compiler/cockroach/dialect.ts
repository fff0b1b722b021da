import { type Token, tokenize } from '../source/lexer.ts';

const isSpace = (token: Token | undefined) => token?.kind === 'space' || token?.kind === 'comment';
const closes = /^(where|order|group|having|window|limit|offset|fetch|for|union|intersect|except|returning)$/i;

/**
 * Blanks out of a statement what only CockroachDB has and what bears on no type: AS OF SYSTEM TIME, index
 * and join hints, RETURNING NOTHING, ORDER BY and LIMIT of an UPDATE or DELETE; UPSERT becomes INSERT, and
 * `x:::T` becomes `x::T`. What is left stands where it stood, so that places stay right.
 */
export function plainSql(text: string): string {
  const statement = new Blanker(text);
  const { words } = statement;
  statement.blankSystemTime();
  let depth = 0;
  for (const [i, word] of words.entries()) {
    if (word === '(') depth++;
    if (word === ')') depth--;
    const next = words[i + 1];
    if (word === '@' && statement.isName(i - 1)) {
      if (statement.isName(i + 1)) statement.blank(i, i + 2);
      else if (next === '{') statement.blank(i, words.indexOf('}', i) + 1);
    } else if (word === 'upsert') statement.replace(i, 'INSERT');
    else if (word === '::' && next === ':') statement.blank(i + 1, i + 2);
    else if (/^(hash|merge|lookup|inverted)$/.test(word) && next === 'join') statement.blank(i, i + 1);
    else if (word === 'returning' && next === 'nothing') statement.blank(i, i + 2);
    else if (depth === 0 && /^(order|limit)$/.test(word) && /^(update|delete)$/.test(words[0] ?? ''))
      statement.blank(i, endOfList(words, i));
  }
  return statement.text();
}

/** The statement as of now: the time that it reads at may be before its tables were made. */
export function withoutSystemTime(text: string): string {
  const statement = new Blanker(text);
  statement.blankSystemTime();
  return statement.text();
}

class Blanker {
  readonly #tokens: readonly Token[];
  readonly #code: readonly Token[];
  readonly #changed = new Map<Token, string>();
  /** Tokens but comments and space, keywords in lower case. */
  readonly words: readonly string[];

  constructor(text: string) {
    this.#tokens = tokenize(text);
    this.#code = this.#tokens.filter((token) => !isSpace(token));
    this.words = this.#code.map(({ kind, text: word }) => (kind === 'word' ? word.toLowerCase() : word));
  }

  isName(i: number): boolean {
    const kind = this.#code[i]?.kind;
    return kind === 'word' || kind === 'quoted';
  }

  blank(from: number, to: number): void {
    for (const token of this.#code.slice(from, to))
      this.#changed.set(token, ' '.repeat(Buffer.byteLength(token.text)));
  }

  replace(i: number, word: string): void {
    this.#changed.set(this.#code[i]!, word);
  }

  blankSystemTime(): void {
    const { words } = this;
    for (const [i, word] of words.entries())
      if (word === 'as' && words[i + 1] === 'of' && words[i + 2] === 'system' && words[i + 3] === 'time')
        this.blank(i, endOfClause(words, i + 4));
  }

  text(): string {
    return this.#tokens.map((token) => this.#changed.get(token) ?? token.text).join('');
  }
}

function endOfClause(words: readonly string[], from: number): number {
  let depth = 0;
  let i = from;
  for (; i < words.length; i++) {
    const word = words[i]!;
    if (word === '(') depth++;
    else if (word === ')' && depth-- === 0) break;
    else if (depth === 0 && (word === ';' || word === ',' || closes.test(word))) break;
  }
  return i;
}

/** Where ORDER BY and LIMIT of a change end: at RETURNING or the end. */
function endOfList(words: readonly string[], from: number): number {
  const end = words.findIndex((word, i) => i > from && (word === 'returning' || word === ';'));
  return end < 0 ? words.length : end;
}
