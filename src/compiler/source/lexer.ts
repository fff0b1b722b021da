/**
 * Cuts SQL into tokens without understanding it: just enough to know what is a comment, a string, an
 * identifier or a parameter. The engine judges the SQL; nothing here does. Every character of the input is
 * in exactly one token, so joining the tokens gives the input back.
 */
export type TokenKind =
  | 'space'
  | 'comment'
  | 'string'
  | 'quoted'
  | 'word'
  | 'number'
  | 'param'
  | 'operator'
  | 'punct';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the file, in UTF-16 units. */
  readonly at: number;
}

/** A token that never ends: `what` is for the message. */
export class UnterminatedTokenError extends Error {
  readonly at: number;
  /** What is before it. */
  tokens: readonly Token[] = [];
  constructor(what: string, at: number) {
    super(`this ${what} is never closed`);
    this.at = at;
  }
}

const wordStart = /[\p{L}_]/u;
const dollarTag = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const word = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const number = /(?:0[xXoObB][0-9a-fA-F_]+|(?:\d[\d_]*\.?(?!\.)[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y;
const space = /\s+/y;
const operator = /[-+*/<>=~!@#%^&|`?]+/y;
const dollarParam = /\$\d+/y;

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** End of a quoted run that starts at `from` (the opening quote); a doubled quote is one inside. */
function quoteEnd(text: string, from: number, quote: string, backslash: boolean, what: string): number {
  for (let i = from + 1; i < text.length; i++) {
    if (backslash && text[i] === '\\') i++;
    else if (text[i] === quote) {
      if (text[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  throw new UnterminatedTokenError(what, from);
}

/** Block comments nest, as in PostgreSQL. */
function blockCommentEnd(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length - 1; i++) {
    if (text[i] === '/' && text[i + 1] === '*') {
      depth++;
      i++;
    } else if (text[i] === '*' && text[i + 1] === '/') {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  throw new UnterminatedTokenError('comment', from);
}

function operatorText(text: string, at: number): string {
  let run = match(operator, text, at)!;
  // A comment may begin inside a run of operator characters.
  const comment = run.search(/--|\/\*/);
  if (comment > 0) run = run.slice(0, comment);
  // `=@id` is an equals sign and a parameter; `a <@b` stays containment.
  const name = run.length > 1 && run.endsWith('@') && wordStart.test(text[at + run.length] ?? '');
  return name && run !== '<@' && run !== '@@' ? run.slice(0, -1) : run;
}

/** Throws UnterminatedTokenError. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  try {
    cutInto(tokens, text);
  } catch (error) {
    if (error instanceof UnterminatedTokenError) error.tokens = tokens;
    throw error;
  }
  return tokens;
}

function cutInto(tokens: Token[], text: string): void {
  let at = 0;
  const push = (kind: TokenKind, end: number) => {
    tokens.push({ kind, text: text.slice(at, end), at });
    at = end;
  };
  while (at < text.length) {
    const c = text[at]!;
    const next = text[at + 1];
    const dollar = c === '$' ? match(dollarTag, text, at) : undefined;
    if (/\s/.test(c)) push('space', at + match(space, text, at)!.length);
    else if (c === '-' && next === '-') {
      const end = text.indexOf('\n', at);
      push('comment', end < 0 ? text.length : end);
    } else if (c === '/' && next === '*') push('comment', blockCommentEnd(text, at));
    else if (c === "'") push('string', quoteEnd(text, at, "'", false, 'string'));
    else if (/[eEbBxX]/.test(c) && next === "'")
      push('string', quoteEnd(text, at + 1, "'", /[eEbB]/.test(c), 'string'));
    else if (c === '"') push('quoted', quoteEnd(text, at, '"', false, 'quoted name'));
    else if (dollar !== undefined) {
      const end = text.indexOf(dollar, at + dollar.length);
      if (end < 0) throw new UnterminatedTokenError('dollar-quoted string', at);
      push('string', end + dollar.length);
    } else if (c === '$' && match(dollarParam, text, at))
      push('param', at + match(dollarParam, text, at)!.length);
    else if (wordStart.test(c)) push('word', at + match(word, text, at)!.length);
    else if (/\d/.test(c) || (c === '.' && /\d/.test(next ?? '')))
      push('number', at + (match(number, text, at)?.length ?? 1));
    else if (match(operator, text, at)) push('operator', at + operatorText(text, at).length);
    else push('punct', at + (text.startsWith('::', at) || text.startsWith(':=', at) ? 2 : 1));
  }
}
