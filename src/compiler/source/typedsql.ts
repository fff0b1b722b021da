import path from 'node:path';
import { problemAt } from '../diagnostic.ts';
import type { Token } from './lexer.ts';
import { type DeclaredParameter, isCode, isSqlc, type SourceQuery, trimSpace } from './query-file.ts';
import type { SourceFile } from './source-file.ts';

const paramLine = /^--\s*@param\s*(?:\{\s*\w+\s*\})?\s*\$(\d+)\s*(?::\s*([A-Za-z_]\w*))?(\?)?/;

/** Whether a file is TypedSQL's: it describes its parameters, and nothing in it is named. */
export function isTypedSql(text: string): boolean {
  return /^--\s*@(param\s*(\{|\$)|description\b)/m.test(text) && !isSqlc(text);
}

/** Reads the statement of a TypedSQL file: one query, called after the file. Types come from the engine all the same. */
export function readTypedSql(file: SourceFile, statement: readonly Token[]): SourceQuery | undefined {
  const first = statement.findIndex(isCode);
  if (first < 0) return undefined;
  const name = path.basename(file.path, '.sql');
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    const hint = 'rename the file: letters, digits and underscores';
    throw problemAt(file, 0, 'HF001', `${name} cannot be a function's name`, hint);
  }
  const declared: DeclaredParameter[] = [];
  const doc: string[] = [];
  for (const comment of statement.slice(0, first).filter((token) => token.kind === 'comment')) {
    const [, number, alias, optional] = paramLine.exec(comment.text) ?? [];
    if (number)
      declared.push({ key: `$${number}`, name: alias ?? `param${number}`, nullable: optional === '?' });
    else doc.push(comment.text.replace(/^--\s*(@description\s*)?/, ''));
  }
  const tokens = trimSpace(statement.slice(first));
  const nameAt = statement[first]!.at;
  return { file, name, nameAt, command: 'auto', doc, notes: [], tokens, marker: '@', declared };
}
