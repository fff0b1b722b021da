/**
 * Cuts SQL into pieces without understanding it: just enough to know what is a comment, a string or a name. The server
 * judges the SQL; nothing here does. Every character is in exactly one piece. Time grows with the length of the text
 * alone, and a literal may have any length.
 */
export type SqlPieceKind = 'space' | 'comment' | 'string' | 'quoted' | 'word' | 'other';

/** `other` is one character, a number or a parameter as the server knows it, `$1`. */
export interface SqlPiece {
  readonly kind: SqlPieceKind;
  /** Offsets in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Said of a comment, string or quoted name that the end of the text cuts off: what it is, for a message. */
  readonly unclosed?: string | undefined;
}

const SPACE = /\s+/y;
const LINE_COMMENT = /--[^\n\r]*/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\$\d+|0[xXoObB][0-9a-fA-F_]+|(?:\d[\d_]*\.?(?!\.)[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const COMMENT_EDGE = /\/\*|\*\//g;

function lengthOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex - at : 0;
}

export function* sqlPieces(text: string): Generator<SqlPiece, void, undefined> {
  for (let at = 0; at < text.length; ) {
    const piece = sqlPieceAt(text, at);
    yield piece;
    at = piece.end;
  }
}

/** The piece that begins at `start`, which is the end of another one or of nothing. */
export function sqlPieceAt(text: string, start: number): SqlPiece {
  const first = text[start]!;
  const next = text[start + 1];
  const space = lengthOf(SPACE, text, start);
  if (space > 0) return { kind: 'space', start, end: start + space };
  if (first === '-' && next === '-')
    return { kind: 'comment', start, end: start + lengthOf(LINE_COMMENT, text, start) };
  if (first === '/' && next === '*')
    return ending('comment', text, start, commentEnd(text, start), 'comment');
  if (first === "'") return ending('string', text, start, quoteEnd(text, start, "'", false), 'string');
  if (next === "'" && /[eEbBxX]/.test(first))
    return ending('string', text, start, quoteEnd(text, start + 1, "'", !/[xX]/.test(first)), 'string');
  if (first === '"') return ending('quoted', text, start, quoteEnd(text, start, '"', false), 'quoted name');
  const tag = first === '$' ? lengthOf(DOLLAR_TAG, text, start) : 0;
  if (tag > 0) {
    const close = text.indexOf(text.slice(start, start + tag), start + tag);
    return ending('string', text, start, close < 0 ? -1 : close + tag, 'dollar-quoted string');
  }
  const word = lengthOf(WORD, text, start);
  if (word > 0) return { kind: 'word', start, end: start + word };
  return { kind: 'other', start, end: start + (lengthOf(NUMBER, text, start) || 1) };
}

function ending(kind: SqlPieceKind, text: string, start: number, end: number, what: string): SqlPiece {
  return end < 0 ? { kind, start, end: text.length, unclosed: what } : { kind, start, end };
}

/** End of what the quote at `open` begins, or -1; a doubled quote is one inside. */
function quoteEnd(text: string, open: number, quote: string, backslash: boolean): number {
  let backslashAt = backslash ? text.indexOf('\\', open) : -1;
  for (let at = open + 1; ; ) {
    const close = text.indexOf(quote, at);
    if (close < 0) return -1;
    if (backslashAt >= 0 && backslashAt < at) backslashAt = text.indexOf('\\', at);
    if (backslashAt >= 0 && backslashAt < close) at = backslashAt + 2;
    else if (text[close + 1] !== quote) return close + 1;
    else at = close + 2;
  }
}

/** Block comments nest. */
function commentEnd(text: string, start: number): number {
  COMMENT_EDGE.lastIndex = start;
  let depth = 0;
  for (let edge = COMMENT_EDGE.exec(text); edge; edge = COMMENT_EDGE.exec(text)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return COMMENT_EDGE.lastIndex;
  }
  return -1;
}

/**
 * The words and signs of a statement, one by one: words in capitals, `'` for a string, `"` for a quoted name. Neither
 * what is in those nor what is in a comment is a word.
 */
export function* sqlWords(text: string): Generator<string, void, undefined> {
  for (const { kind, start, end } of sqlPieces(text)) {
    if (kind === 'word') yield text.slice(start, end).toUpperCase();
    else if (kind === 'string') yield "'";
    else if (kind === 'quoted') yield '"';
    else if (kind === 'other') yield text.slice(start, end);
  }
}

/** One statement of a text with several. */
export interface SqlStatement {
  /** Without its semicolon and without comments around it. */
  readonly text: string;
  /** 1-based line that it starts on. */
  readonly line: number;
}

/** Splits a text at its semicolons. Line endings become `\n`, and a byte order mark is left out. */
export function splitStatements(sql: string): readonly SqlStatement[] {
  const source = sql.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  const statements: SqlStatement[] = [];
  let line = 1;
  let counted = 0;
  let first = -1;
  let last = 0;
  const finish = () => {
    if (first < 0) return;
    for (let at = source.indexOf('\n', counted); at >= 0 && at < first; at = source.indexOf('\n', at + 1)) {
      line++;
      counted = at + 1;
    }
    statements.push({ text: source.slice(first, last), line });
    first = -1;
  };
  for (const { kind, start, end } of sqlPieces(source)) {
    if (kind === 'space' || kind === 'comment') continue;
    if (kind === 'other' && source[start] === ';') finish();
    else {
      if (first < 0) first = start;
      last = end;
    }
  }
  finish();
  return statements;
}
