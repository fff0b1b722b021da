import { sqlPieceAt } from '../../base/index.ts';

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
const operator = /[-+*/<>=~!@#%^&|`?]+/y;

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
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
    const { kind, end, unclosed } = sqlPieceAt(text, at);
    if (unclosed !== undefined) throw new UnterminatedTokenError(unclosed, at);
    if (kind !== 'other') push(kind, end);
    else if (/^\$\d/.test(text.slice(at, end))) push('param', end);
    else if (/^\.?\d/.test(text.slice(at, end))) push('number', end);
    else if (match(operator, text, at)) push('operator', at + operatorText(text, at).length);
    else push('punct', at + (text.startsWith('::', at) || text.startsWith(':=', at) ? 2 : 1));
  }
}
