import type { Diagnostic } from '../diagnostic.ts';
import { isPgtyped, readPgtyped } from './pgtyped.ts';
import { readSqlc, type SourceQuery } from './query-file.ts';
import type { SourceFile } from './source-file.ts';
import { isTypedSql, readTypedSql } from './typedsql.ts';

export type Dialect = 'auto' | 'sqlc' | 'pgtyped' | 'typedsql';

/** Reads a file in the annotations that it is written in. `inSchema`: it is a part of the schema as well. */
export function readQueries(
  file: SourceFile,
  dialect: Dialect,
  report: (diagnostic: Diagnostic) => void,
  inSchema = false,
): SourceQuery[] {
  if (dialect === 'pgtyped' || (dialect === 'auto' && isPgtyped(file.text))) return readPgtyped(file, report);
  if (dialect === 'typedsql' || (dialect === 'auto' && isTypedSql(file.text)))
    return readTypedSql(file, report);
  return readSqlc(file, report, inSchema);
}
