import path from 'node:path';
import type { Diagnostic } from '../diagnostic.ts';
import { tokenize, UnterminatedTokenError } from './lexer.ts';
import {
  type DeclaredParameter,
  isCode,
  isSqlc,
  type SourceQuery,
  splitStatements,
  trimSpace,
} from './query-file.ts';
import type { SourceFile } from './source-file.ts';

const paramLine = /^--\s*@param\s*(?:\{\s*\w+\s*\})?\s*\$(\d+)\s*(?::\s*([A-Za-z_]\w*))?(\?)?/;

/** Whether a file is TypedSQL's: it describes its parameters, and nothing in it is named. */
export function isTypedSql(text: string): boolean {
  return /^--\s*@(param\s*(\{|\$)|description\b)/m.test(text) && !isSqlc(text);
}

/** Reads a TypedSQL file as it is: one query, called after the file. Types come from the engine all the same. */
export function readTypedSql(file: SourceFile, report: (diagnostic: Diagnostic) => void): SourceQuery[] {
  const error = (code: string, message: string, hint: string, at: number) => {
    report({ severity: 'error', code, message, hint, file, at });
    return [];
  };
  try {
    const statements = splitStatements(tokenize(file.text)).filter((statement) => statement.some(isCode));
    const statement = statements[0];
    if (!statement || statements.length > 1)
      return error(
        'HF007',
        'a TypedSQL file holds one statement',
        'give each its own file',
        statements[1]?.find(isCode)?.at ?? 0,
      );
    const name = path.basename(file.path, '.sql');
    if (!/^[A-Za-z_]\w*$/.test(name))
      return error(
        'HF001',
        `${name} cannot be a function's name`,
        'rename the file: letters, digits and underscores',
        0,
      );
    const first = statement.findIndex(isCode);
    const declared: DeclaredParameter[] = [];
    const doc: string[] = [];
    for (const comment of statement.slice(0, first).filter((token) => token.kind === 'comment')) {
      const [, number, alias, optional] = paramLine.exec(comment.text) ?? [];
      if (number)
        declared.push({ key: `$${number}`, name: alias ?? `param${number}`, nullable: optional === '?' });
      else doc.push(comment.text.replace(/^--\s*(@description\s*)?/, ''));
    }
    return [
      {
        file,
        name,
        nameAt: statement[first]!.at,
        command: 'auto',
        doc,
        notes: [],
        tokens: trimSpace(statement.slice(first)),
        marker: '@',
        declared,
      },
    ];
  } catch (cause) {
    if (!(cause instanceof UnterminatedTokenError)) throw cause;
    return error('HF002', cause.message, 'close it', cause.at);
  }
}
