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

const SPACE = /[ \t\n\r\f\v]+/y;
const LINE_COMMENT = /--[^\n\r]*/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\$\d+|0[xXoObB][0-9a-fA-F_]+|(?:\d[\d_]*\.?(?!\.)[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const COMMENT_EDGE = /\/\*|\*\//g;
const QUOTE_OR_BACKSLASH = /['\\]/g;
/** Between two quotes it makes one string of them; the second part has the escapes of the first. */
const CONTINUATION = /(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*(?=')/y;

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
  if (first === "'") return ending('string', text, start, quoteEnd(text, start, "'"), 'string');
  if (next === "'" && /[eEbB]/.test(first))
    return ending('string', text, start, escapedEnd(text, start + 1), 'string');
  if (next === "'" && /[xX]/.test(first))
    return ending('string', text, start, quoteEnd(text, start + 1, "'"), 'string');
  if (first === '"') return ending('quoted', text, start, quoteEnd(text, start, '"'), 'quoted name');
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
function quoteEnd(text: string, open: number, quote: string): number {
  let close = text.indexOf(quote, open + 1);
  while (close >= 0 && text[close + 1] === quote) close = text.indexOf(quote, close + 2);
  return close < 0 ? -1 : close + 1;
}

/** The same where a backslash takes the next character's meaning, with the parts of it on further lines. */
function escapedEnd(text: string, open: number): number {
  QUOTE_OR_BACKSLASH.lastIndex = open + 1;
  while (QUOTE_OR_BACKSLASH.test(text)) {
    const at = QUOTE_OR_BACKSLASH.lastIndex;
    if (text[at - 1] === '\\' || text[at] === "'") QUOTE_OR_BACKSLASH.lastIndex = at + 1;
    else {
      const more = lengthOf(CONTINUATION, text, at);
      if (more === 0) return at;
      QUOTE_OR_BACKSLASH.lastIndex = at + more + 1;
    }
  }
  return -1;
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

const ROUTINE = /^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE)\b/;
const RULE = /^CREATE (?:OR REPLACE )?RULE\b/;

/**
 * Tells the semicolons that end a statement from those inside of one: between BEGIN ATOMIC and END, and between the
 * parentheses of CREATE RULE. Takes every piece that is neither space nor comment, in order.
 */
export class StatementEnds {
  /** The first pieces of the statement, or of the one at hand in a body. */
  #head: string[] = [];
  #parentheses = 0;
  /** Bodies of routines that are open. */
  #bodies = 0;
  #before = '';

  /** Whether this piece is a semicolon that ends the statement. */
  isEnd(piece: string): boolean {
    if (piece === ';') return this.#semicolon();
    if (piece === '(') this.#parentheses++;
    if (piece === ')') this.#parentheses--;
    const word = piece.length > 16 ? '' : piece.toUpperCase();
    if (this.#beginsBody(word)) {
      this.#bodies++;
      this.#begin();
    } else if (this.#bodies > 0 && word === 'END' && /^(?:;|ATOMIC)$/.test(this.#before)) this.#bodies--;
    else if (this.#head.length < 4) this.#head.push(word);
    this.#before = word;
    return false;
  }

  #semicolon(): boolean {
    this.#before = ';';
    if (this.#parentheses > 0 && RULE.test(this.#head.join(' '))) return false;
    this.#begin();
    return this.#bodies === 0;
  }

  #beginsBody(word: string): boolean {
    return (
      word === 'ATOMIC' &&
      this.#before === 'BEGIN' &&
      this.#parentheses === 0 &&
      ROUTINE.test(this.#head.join(' '))
    );
  }

  #begin(): void {
    this.#head = [];
    this.#parentheses = 0;
  }
}

/** One statement of a text with several. */
export interface SqlStatement {
  /** Without its semicolon and without comments around it. */
  readonly text: string;
  /** 1-based line that it starts on. */
  readonly line: number;
}

/** Splits a text where its statements end. Line endings become `\n`, and a byte order mark is left out. */
export function splitStatements(sql: string): readonly SqlStatement[] {
  const source = sql.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  const statements: SqlStatement[] = [];
  let line = 1;
  let counted = 0;
  let first = -1;
  let last = 0;
  const ends = new StatementEnds();
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
    const isEnd = ends.isEnd(source.slice(start, end));
    if (isEnd) finish();
    else {
      if (first < 0) first = start;
      last = end;
    }
  }
  finish();
  return statements;
}
