import { type Diagnostic, SourceError } from '../diagnostic.ts';
import { type Token, tokenize, UnterminatedTokenError } from './lexer.ts';
import {
  type DeclaredParameter,
  isCode,
  isSqlc,
  type SourceQuery,
  splitStatements,
  trimSpace,
} from './query-file.ts';
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

/** Reads pgtyped's files as they are. What comes back is what the statement gives: rows, or a count. */
export function readPgtyped(file: SourceFile, report: (diagnostic: Diagnostic) => void): SourceQuery[] {
  const queries: SourceQuery[] = [];
  let statements: Token[][];
  try {
    statements = splitStatements(tokenize(file.text));
  } catch (error) {
    if (!(error instanceof UnterminatedTokenError)) throw error;
    report({ severity: 'error', code: 'HF002', message: error.message, file, at: error.at });
    return queries;
  }
  for (const statement of statements) {
    const first = statement.findIndex(isCode);
    if (first < 0) continue;
    const comment = statement
      .slice(0, first)
      .findLast((token) => token.kind === 'comment' && nameTag.test(token.text));
    if (!comment) {
      const at = statement[first]!.at;
      const hint = 'put /* @name GetSomething */ above it';
      report(
        new SourceError({
          severity: 'error',
          code: 'HF004',
          message: 'this statement has no name',
          hint,
          file,
          at,
        }).diagnostic,
      );
      continue;
    }
    const name = nameTag.exec(comment.text)![1]!;
    const parameters = declared(comment.text);
    queries.push({
      file,
      name,
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
      declared: parameters,
    });
  }
  return queries;
}
