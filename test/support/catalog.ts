import { withAdmin } from './admin.ts';

const queries = {
  columns: `SELECT table_schema || '.' || table_name AS place, column_name AS name,
      data_type AS type, is_nullable AS nullable
    FROM information_schema.columns WHERE table_schema = ANY($1)
    ORDER BY 1, ordinal_position`,
  defaults: `SELECT table_schema || '.' || table_name AS place, column_name AS name, column_default AS value
    FROM information_schema.columns WHERE table_schema = ANY($1) AND column_default IS NOT NULL
    ORDER BY 1, ordinal_position`,
  constraints: `SELECT n.nspname || '.' || c.relname AS place, pg_get_constraintdef(k.oid) AS definition
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1) AND k.contype <> 'n' ORDER BY 1, 2`,
  indexes: `SELECT schemaname || '.' || tablename AS place, indexdef AS definition
    FROM pg_catalog.pg_indexes WHERE schemaname = ANY($1) ORDER BY 1, 2`,
  views: `SELECT schemaname || '.' || viewname AS place, definition
    FROM pg_catalog.pg_views WHERE schemaname = ANY($1) ORDER BY 1`,
  enums: `SELECT n.nspname || '.' || t.typname AS place, e.enumlabel AS label
    FROM pg_catalog.pg_enum AS e
    JOIN pg_catalog.pg_type AS t ON t.oid = e.enumtypid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = ANY($1) ORDER BY 1, e.enumsortorder`,
} as const;

/** Parts of a catalog. The engines write defaults, constraints, indexes and views each in their own way. */
export type CatalogSection = keyof typeof queries;

/** What both engines tell alike. */
export const portableSections: readonly CatalogSection[] = ['columns', 'enums'];
export const allSections = Object.keys(queries) as readonly CatalogSection[];

/** What the SQL schemas hold, as text, the same for the same schema. */
export async function dumpCatalog(
  url: string,
  schemas: readonly string[],
  sections: readonly CatalogSection[] = allSections,
): Promise<string> {
  return withAdmin(url, async (client) => {
    const lines: string[] = [];
    // CockroachDB puts the database's name into what it defines.
    const database = `${new URL(url).pathname.slice(1)}.`;
    for (const section of sections) {
      const { rows } = await client.query(queries[section], [schemas]);
      lines.push(`-- ${section}`, ...rows.map((row) => Object.values(row).map(flat).join(' | ')), '');
    }
    return lines.join('\n').replaceAll(database, '');
  });
}

function flat(value: unknown): string {
  return String(value ?? '-')
    .replace(/\s+/g, ' ')
    .trim();
}
