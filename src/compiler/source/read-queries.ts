import { problemAt, type Report, SourceError } from '../diagnostic.ts';
import { type Token, tokenize, UnterminatedTokenError } from './lexer.ts';
import { isPgtyped, readPgtyped } from './pgtyped.ts';
import { isCode, readSqlc, type SourceQuery, splitStatements, withTrailingNotes } from './query-file.ts';
import type { SourceFile } from './source-file.ts';
import { isTypedSql, readTypedSql } from './typedsql.ts';

export type Dialect = 'auto' | 'sqlc' | 'pgtyped' | 'typedsql';

function dialectOf({ text }: SourceFile): Dialect {
  return isPgtyped(text) ? 'pgtyped' : isTypedSql(text) ? 'typedsql' : 'sqlc';
}

/**
 * Reads a file in the annotations that it is written in. Problems are reported, never thrown. `inSchema`: it is a part of
 * the schema as well.
 */
export function readQueries(
  file: SourceFile,
  dialect: Dialect,
  report: Report,
  inSchema = false,
): SourceQuery[] {
  const written = dialect === 'auto' ? dialectOf(file) : dialect;
  const statements = statementsOf(file, report);
  const second = statements.filter((statement) => statement.some(isCode))[1];
  if (written === 'typedsql' && second) {
    const at = second.find(isCode)!.at;
    report(
      problemAt(file, at, 'HF007', 'a TypedSQL file holds one statement', 'give each its own file')
        .diagnostic,
    );
    return [];
  }
  return statements.flatMap((statement) => {
    try {
      const read =
        written === 'pgtyped'
          ? readPgtyped(file, statement)
          : written === 'typedsql'
            ? readTypedSql(file, statement)
            : readSqlc(file, statement, inSchema);
      return read ?? [];
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      report(error.diagnostic);
      return [];
    }
  });
}

/** Of what is never closed the whole statements before it, so that their problems are told too. */
function statementsOf(file: SourceFile, report: Report): Token[][] {
  try {
    return withTrailingNotes(splitStatements(tokenize(file.text)));
  } catch (error) {
    if (!(error instanceof UnterminatedTokenError)) throw error;
    report(problemAt(file, error.at, 'HF002', error.message).diagnostic);
    const whole = error.tokens.slice(0, error.tokens.findLastIndex((token) => token.text === ';') + 1);
    return withTrailingNotes(splitStatements(whole));
  }
}
