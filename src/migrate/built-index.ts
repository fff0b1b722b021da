import { MigrationError, sqlPieces } from '../base/index.ts';
import type { MigrationConnection } from './connection.ts';

/** What CREATE INDEX CONCURRENTLY makes: names as the statement writes them. */
export interface BuiltIndex {
  readonly index: string;
  readonly table: string;
}

/** Undefined for any other statement, and for an index that the server names itself. */
export function builtIndex(statement: string): BuiltIndex | undefined {
  const pieces = [...sqlPieces(statement)].filter(({ kind }) => kind !== 'space' && kind !== 'comment');
  const texts = pieces.map(({ start, end }) => statement.slice(start, end));
  const words = texts.map((text) => text.toUpperCase());
  let at = 0;
  const take = (...expected: readonly string[]) => {
    const matches = expected.every((word, i) => words[at + i] === word);
    if (matches) at += expected.length;
    return matches;
  };
  if (!take('CREATE')) return undefined;
  take('UNIQUE');
  if (!take('INDEX', 'CONCURRENTLY')) return undefined;
  take('IF', 'NOT', 'EXISTS');
  if (words[at] === 'ON') return undefined;
  const index = texts[at++];
  if (index === undefined || !take('ON')) return undefined;
  take('ONLY');
  const end = words.findIndex((word, i) => i > at && (word === '(' || word === 'USING'));
  return end < 0 ? undefined : { index, table: texts.slice(at, end).join('') };
}

/**
 * PostgreSQL keeps an index whose concurrent build failed, as one that no query uses, and IF NOT EXISTS is content with
 * it. Drops that, so that it is built anew; waits for a build of another connection that is still under way.
 */
export async function dropInvalidIndex(connection: MigrationConnection, built: BuiltIndex): Promise<void> {
  const invalid = await invalidIndex(connection, built);
  if (invalid !== undefined)
    await connection.execute({ text: `DROP INDEX CONCURRENTLY IF EXISTS ${invalid}`, values: [] });
}

/** @throws MigrationError `statement-failed` when the index that was made is invalid. */
export async function assertIndexValid(
  connection: MigrationConnection,
  built: BuiltIndex,
  place: string,
): Promise<void> {
  const invalid = await invalidIndex(connection, built);
  if (invalid === undefined) return;
  throw new MigrationError(
    'statement-failed',
    `${place}: the index ${invalid} is there, but invalid: run this again`,
  );
}

/** Its qualified name, when there is an index of that name on that table and it is invalid. By index of pg_class. */
async function invalidIndex(
  connection: MigrationConnection,
  { index, table }: BuiltIndex,
): Promise<string | undefined> {
  const { rows } = await connection.execute({
    text: `SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class AS t
      JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = t.relnamespace
      JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid AND i.indrelid = t.oid
      WHERE t.oid = to_regclass($1) AND c.relname = (parse_ident($2))[1] AND NOT i.indisvalid`,
    values: [table, index],
  });
  return rows[0]?.[0] ?? undefined;
}
