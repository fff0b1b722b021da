import { StatementEnds } from '../../base/index.ts';
import { problemAt } from '../diagnostic.ts';
import type { Token } from './lexer.ts';
import type { SourceFile } from './source-file.ts';

/** What comes back, as the annotation says it. */
export type Command =
  | 'one'
  | 'maybe'
  | 'many'
  | 'exec'
  | 'execrows'
  | 'iter'
  | 'batch'
  | 'batchone'
  | 'batchmany'
  | 'batchexec'
  | 'copyfrom'
  | 'claim'
  | 'step'
  | 'finish'
  /** Rows when there are columns, else a count: files that do not say. */
  | 'auto';
export const commands: readonly Command[] = [
  'one',
  'maybe',
  'many',
  'exec',
  'execrows',
  'iter',
  'batch',
  'batchone',
  'batchmany',
  'batchexec',
  'copyfrom',
  'claim',
  'step',
  'finish',
];

/** One named query, not yet understood: its tokens and what its comments say about it. */
export interface SourceQuery {
  readonly file: SourceFile;
  readonly name: string;
  /** Where the name stands, for messages about the query as a whole. */
  readonly nameAt: number;
  readonly command: Command;
  /** `key=value` behind the command. */
  readonly settings?: ReadonlyMap<string, string>;
  /** Comment lines that become the doc comment. */
  readonly doc: readonly string[];
  /** `-- key: value` and `-- lint:ignore ...` lines, in order. */
  readonly notes: readonly Note[];
  /** The statement, without its semicolon. */
  readonly tokens: readonly Token[];
  /** How parameters are written: `@name` (sqlc), or `:name` (pgtyped). */
  readonly marker: '@' | ':';
  /** What the comments say of single parameters. */
  readonly declared: readonly DeclaredParameter[];
}

/** A parameter that a comment describes: pgtyped's and TypedSQL's `@param`. */
export interface DeclaredParameter {
  /** As used in the statement: a name, or `$1`. */
  readonly key: string;
  readonly name: string;
  readonly nullable?: boolean | undefined;
  /** pgtyped: `(...)` is a list, `(a, b)` a row of fields, `((a, b)...)` a list of rows. */
  readonly shape?: 'list' | 'row' | 'rows' | undefined;
  readonly fields?: readonly string[] | undefined;
}

export interface Note {
  readonly key: string;
  readonly value: string;
  readonly at: number;
}

/** Annotation keys that are not documentation. */
const noteKeys = ['lint:ignore', 'order', 'optional', 'end'];
const noteLine = new RegExp(`^(${noteKeys.join('|')})(?:(?::|\\s)\\s*(.*))?$`);
/** What other tools call a command of these. */
const otherNames: ReadonlyMap<string, Command> = new Map([['execresult', 'execrows']]);
const nameLine = /^\s*name:\s*(\S+)(?:\s+:(\S+)((?:\s+\w+=\S+)*))?\s*$/;

/** The comment's lines without its marks, each with its offset. */
function commentLines(token: Token): { text: string; at: number }[] {
  if (token.text.startsWith('--'))
    return [{ text: token.text.slice(2).replace(/^ /, '').trimEnd(), at: token.at }];
  const lines: { text: string; at: number }[] = [];
  let at = token.at + 2;
  for (const line of token.text.slice(2, -2).split('\n')) {
    lines.push({ text: line.replace(/^\s*\* ?/, '').trim(), at });
    at += line.length + 1;
  }
  return lines.filter((line, i) => line.text !== '' || (i > 0 && i < lines.length - 1));
}

function annotation(file: SourceFile, token: Token) {
  for (const line of commentLines(token)) {
    const found = nameLine.exec(line.text);
    if (!found) continue;
    const at = file.text.indexOf('name:', token.at);
    const fail = (message: string, hint: string) => problemAt(file, at, 'HF001', message, hint);
    const [, name, command, settings = ''] = found;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name!))
      throw fail(
        `${name} cannot be a function's name`,
        'use letters, digits and underscores, a letter first',
      );
    const known = commands.find((each) => each === command) ?? otherNames.get(command ?? '');
    if (command === 'execlastid')
      throw fail(
        'neither PostgreSQL nor CockroachDB has a last id',
        `write -- name: ${name} :one and RETURNING with the name of the key`,
      );
    if (!known)
      throw fail(
        command === undefined ? `${name} does not say what comes back` : `:${command} is not known`,
        `write -- name: ${name} :many (or ${commands.map((c) => `:${c}`).join(', ')})`,
      );
    const pairs = [...settings.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key!, value!] as const);
    return { name: name!, command: known, settings: new Map(pairs), at };
  }
  return undefined;
}

/** Splits where statements end; comments stay with what follows them. */
export function splitStatements(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [];
  let current: Token[] = [];
  const ends = new StatementEnds();
  for (const token of tokens) {
    if (isCode(token) && ends.isEnd(token.text)) {
      statements.push(current);
      current = [];
    } else current.push(token);
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

export const isCode = (token: Token) => token.kind !== 'space' && token.kind !== 'comment';

/** Comments directly above the name (no empty line between) document the query too. */
function leading(tokens: readonly Token[], nameIndex: number): Token[] {
  const found: Token[] = [];
  for (let i = nameIndex - 1; i >= 0; i--) {
    const token = tokens[i]!;
    if (token.kind === 'comment') found.unshift(token);
    else if (token.text.split('\n').length > 2) break;
  }
  return found;
}

/** `LIMIT @limit; -- optional`: a note behind the semicolon, on its line, belongs to what is before it. */
export function withTrailingNotes(statements: Token[][]): Token[][] {
  for (const [i, statement] of statements.entries()) {
    const before = statements[i - 1];
    const at = statement[0]?.kind === 'space' && !statement[0].text.includes('\n') ? 1 : 0;
    const note = statement[at];
    if (before && note?.kind === 'comment' && /^--\s*(optional\b|order:)/.test(note.text))
      before.push(...statement.splice(0, at + 1));
  }
  return statements;
}

/** Whether a file names queries as sqlc does, with what comes back: `-- name: X :many`. */
export function isSqlc(text: string): boolean {
  return /^[ \t]*(?:--|\/\*)\s*name:\s*\S+\s+:\w/m.test(text);
}

/** Whether a statement of a schema file is a query, named above it, which is not part of the schema. */
export function isNamed(statement: readonly Token[]): boolean {
  const head = statement.slice(0, statement.findIndex(isCode));
  return head.some(
    (token) =>
      token.kind === 'comment' &&
      commentLines(token).some(({ text }) => nameLine.exec(text)?.[2] !== undefined),
  );
}

/**
 * Reads a statement of `-- name: X :many`, with the comments above it. In a file that is part of the schema too, those
 * without a name are the schema's. Throws SourceError.
 */
export function readSqlc(
  file: SourceFile,
  statement: readonly Token[],
  inSchema: boolean,
): SourceQuery | undefined {
  if (inSchema && !isNamed(statement)) return undefined;
  const firstCode = statement.findIndex(isCode);
  const head = statement.slice(0, firstCode < 0 ? statement.length : firstCode);
  const belowItsName = 'put the statement, with a semicolon at its end, below its name';
  let nameIndex = -1;
  let named: ReturnType<typeof annotation>;
  for (const [i, token] of head.entries()) {
    const found = token.kind === 'comment' ? annotation(file, token) : undefined;
    if (!found) continue;
    if (named) {
      const message = `${named.name} has no statement before ${found.name} begins`;
      throw problemAt(file, named.at, 'HF003', message, belowItsName);
    }
    named = found;
    nameIndex = i;
  }
  if (!named) {
    if (firstCode < 0) return undefined;
    throw problemAt(
      file,
      statement[firstCode]!.at,
      'HF004',
      'this statement has no name',
      'put -- name: GetSomething :one above it, or name this file in "schema" if it is a part of that',
    );
  }
  if (firstCode < 0) throw problemAt(file, named.at, 'HF003', `${named.name} has no statement`, belowItsName);
  const inner = statement
    .slice(firstCode)
    .find((token) => token.kind === 'comment' && nameLine.test(token.text.slice(2)));
  if (inner) {
    const message = `the statement of ${named.name} has no semicolon before the next name`;
    throw problemAt(file, inner.at, 'HF005', message, 'end every statement with a semicolon');
  }
  const doc: string[] = [];
  const notes: Note[] = [];
  const comments = [...leading(head, nameIndex), ...head.slice(nameIndex + 1)];
  for (const token of [...comments, ...statement.slice(firstCode)].filter((t) => t.kind === 'comment')) {
    for (const line of commentLines(token)) {
      const note = noteLine.exec(line.text);
      if (note) notes.push({ key: note[1]!, value: note[2] ?? '', at: line.at });
      else if (comments.includes(token)) doc.push(line.text);
    }
  }
  const { name, at: nameAt, command, settings } = named;
  const tokens = trimSpace(statement.slice(firstCode));
  return { file, name, nameAt, command, settings, doc, notes, tokens, marker: '@', declared: [] };
}

export function trimSpace(tokens: Token[]): Token[] {
  let end = tokens.length;
  while (end > 0 && tokens[end - 1]!.kind === 'space') end--;
  return tokens.slice(0, end);
}
