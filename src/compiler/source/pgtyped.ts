import { problemAt } from '../diagnostic.ts';
import type { Token } from './lexer.ts';
import { type DeclaredParameter, isCode, isSqlc, type SourceQuery, trimSpace } from './query-file.ts';
import type { SourceFile } from './source-file.ts';

const nameTag = /@name\s+([A-Za-z_]\w*)/;
const paramTag = /@param\s+(\w+)\s*->\s*(\(\s*\([^)]*\)\s*\.\.\.\s*\)|\([^)]*\))/g;

/** Whether a file is pgtyped's: its block comments name queries with `@name`, and nothing is named as in sqlc. */
export function isPgtyped(text: string): boolean {
  return /\/\*[^*]*@name\s/.test(text) && !isSqlc(text);
}

/** `(...)`, `(a, b)` or `((a, b!)...)`. */
function declared(comment: string): DeclaredParameter[] {
  return [...comment.matchAll(paramTag)].map(([, key, spec]) => {
    const inner = spec!.replace(/\s+/g, '');
    if (inner === '(...)') return { key: key!, name: key!, shape: 'list' };
    const rows = /^\(\((.*)\)\.\.\.\)$/.exec(inner);
    const fields = (rows?.[1] ?? inner.slice(1, -1)).split(',').filter((field) => field !== '');
    return { key: key!, name: key!, shape: rows ? 'rows' : 'row', fields };
  });
}

/** Reads a statement of pgtyped, with the comments above it. What comes back is what it gives: rows, or a count. */
export function readPgtyped(file: SourceFile, statement: readonly Token[]): SourceQuery | undefined {
  const first = statement.findIndex(isCode);
  if (first < 0) return undefined;
  const comment = statement
    .slice(0, first)
    .findLast((token) => token.kind === 'comment' && nameTag.test(token.text));
  if (!comment) {
    const hint = 'put /* @name GetSomething */ above it';
    throw problemAt(file, statement[first]!.at, 'HF004', 'this statement has no name', hint);
  }
  return {
    file,
    name: nameTag.exec(comment.text)![1]!,
    nameAt: comment.at + comment.text.indexOf('@name'),
    command: 'auto',
    doc: comment.text
      .slice(2, -2)
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, '').trim())
      .filter((line) => line !== '' && !/^@(name|param)\b/.test(line)),
    notes: [],
    tokens: trimSpace(statement.slice(first)),
    marker: ':',
    declared: declared(comment.text),
  };
}
