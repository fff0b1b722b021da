import { MigrationError, sqlPieces } from '../base/index.ts';
import type { MigrationConnection } from './connection.ts';

/** What PostgreSQL may leave invalid when it stops in the middle. */
export interface ConcurrentIndex {
  /** Before each try: drops what an earlier one has left. */
  prepare(connection: MigrationConnection): Promise<void>;
  /** After it: throws MigrationError `statement-failed` unless what it makes is there and valid. */
  verify(connection: MigrationConnection, place: string): Promise<void>;
}

/** Undefined for a statement that neither builds nor rebuilds an index concurrently. */
export function concurrentIndex(statement: string): ConcurrentIndex | undefined {
  const pieces = [...sqlPieces(statement)].filter(({ kind }) => kind !== 'space' && kind !== 'comment');
  const texts = pieces.map(({ start, end }) => statement.slice(start, end));
  const words = texts.map((text) => text.toUpperCase());
  if (!words.includes('CONCURRENTLY')) return undefined;
  return words[0] === 'REINDEX' ? rebuilt(texts, words) : built(texts, words);
}

/** CREATE INDEX CONCURRENTLY. Names as the statement writes them. */
function built(texts: readonly string[], words: readonly string[]): ConcurrentIndex | undefined {
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
  // One that the server names itself cannot be run again.
  if (words[at] === 'ON') return undefined;
  const index = texts[at++];
  if (index === undefined || !take('ON')) return undefined;
  take('ONLY');
  const end = words.findIndex((word, i) => i > at && (word === '(' || word === 'USING'));
  if (end < 0) return undefined;
  const table = texts.slice(at, end).join('');
  return {
    async prepare(connection) {
      const found = await findIndex(connection, index, table);
      if (found?.isValid === false) await drop(connection, found.name);
    },
    async verify(connection, place) {
      const found = await findIndex(connection, index, table);
      const failed = (why: string) => new MigrationError('statement-failed', `${place}: ${why}`);
      if (found === undefined)
        throw failed(
          `there is no index ${index} on ${table}: something else has its name, so give it another`,
        );
      if (!found.isValid) throw failed(`the index ${found.name} is there, but invalid: run this again`);
    },
  };
}

/** The index of that name on that table, by its qualified name. By index of pg_class. */
async function findIndex(
  connection: MigrationConnection,
  index: string,
  table: string,
): Promise<{ readonly name: string; readonly isValid: boolean } | undefined> {
  const { rows } = await connection.execute({
    text: `SELECT format('%I.%I', n.nspname, c.relname), i.indisvalid
      FROM pg_catalog.pg_class AS t
      JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = t.relnamespace
      JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid AND i.indrelid = t.oid
      WHERE t.oid = to_regclass($1) AND c.relname = (parse_ident($2))[1]`,
    values: [table, index],
  });
  const [name, valid] = rows[0] ?? [];
  return name ? { name, isValid: valid === 't' } : undefined;
}

/**
 * REINDEX CONCURRENTLY builds each index anew under a name with `_ccnew`, and changes the names in the end. It leaves that
 * one, or the old one as `_ccold`, when it stops before; both may be dropped.
 */
function rebuilt(texts: readonly string[], words: readonly string[]): ConcurrentIndex {
  const at = words.findIndex((word) => /^(?:INDEX|TABLE|SCHEMA|DATABASE|SYSTEM)$/.test(word));
  const from = words[at + 1] === 'CONCURRENTLY' ? at + 2 : at + 1;
  const name = texts.slice(from).join('');
  return {
    async prepare(connection) {
      const { rows } = await connection.execute({ text: LEFTOVERS, values: [words[at] ?? '', name] });
      for (const [leftover] of rows) await drop(connection, leftover!);
    },
    // It ends only when every index is valid.
    verify: async () => {},
  };
}

const LEFTOVERS = `WITH named AS (
    SELECT t.relation, p.relid FROM (
      SELECT CASE $1::TEXT WHEN 'TABLE' THEN to_regclass($2)
        WHEN 'INDEX' THEN (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($2)) END AS relation
    ) AS t LEFT JOIN LATERAL pg_catalog.pg_partition_tree(t.relation) AS p ON true
  )
  SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND n.nspname !~ '^pg_'
    AND CASE $1::TEXT WHEN 'SCHEMA' THEN n.nspname = (parse_ident($2))[1] WHEN 'DATABASE' THEN true
      ELSE EXISTS (SELECT 1 FROM named WHERE i.indrelid IN (relation, relid)) END`;

/** Waits for a build of another connection that is still under way. */
async function drop(connection: MigrationConnection, name: string): Promise<void> {
  await connection.execute({ text: `DROP INDEX CONCURRENTLY IF EXISTS ${name}`, values: [] });
}
