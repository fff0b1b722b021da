import { unstableNames } from '../cockroach/unstable.ts';
import type { CockroachNames } from './catalog.ts';

type Rows = (text: string) => Promise<(string | null)[][]>;

/** What is needed to resolve names as CockroachDB does. */
export async function readCockroachNames(rows: Rows): Promise<CockroachNames> {
  const [names] = await rows("SELECT current_database(), array_to_string(current_schemas(false), ',')");
  const views = await rows(
    `SELECT c.oid, v.definition, v.viewname FROM pg_catalog.pg_views AS v
     JOIN pg_catalog.pg_namespace AS n ON n.nspname = v.schemaname
     JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = v.viewname
     WHERE c.relkind = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'crdb_internal', 'pg_extension')`,
  );
  const stable = await rows("SELECT DISTINCT proname FROM pg_catalog.pg_proc WHERE provolatile = 's'");
  return {
    database: names?.[0] ?? '',
    searchPath: (names?.[1] ?? '').split(',').filter((name) => name !== ''),
    views: new Map(views.map(([oid, definition]) => [Number(oid), definition ?? ''])),
    unstable: unstableNames(
      stable.map(([name]) => name ?? ''),
      new Map(views.map(([, definition, name]) => [name ?? '', definition ?? ''])),
    ),
  };
}

/** Columns that `*` leaves out, as `table oid.column`: rowid, shard columns of hash indexes, and NOT VISIBLE ones. */
export async function readHiddenColumns(rows: Rows): Promise<ReadonlySet<string>> {
  const found = await rows('SELECT descriptor_id, column_name FROM crdb_internal.table_columns WHERE hidden');
  return new Set(found.map(([oid, name]) => `${oid}.${name}`));
}
