/** Tables and queries like those of a control plane: keys, joins, inserts, updates, aggregates. */
export const tableCount = 20;

export function schemaText(): string {
  return Array.from(
    { length: tableCount },
    (_, t) => `CREATE TABLE entity_${t} (
  id UUID NOT NULL PRIMARY KEY, parent_id UUID, name TEXT NOT NULL, note TEXT, size INT8 NOT NULL,
  price NUMERIC, attributes JSONB, tags TEXT[] NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);\nCREATE INDEX ON entity_${t} (parent_id);\n`,
  ).join('');
}

const templates: readonly ((t: string, u: string) => readonly [command: string, sql: string])[] = [
  (t) => ['one', `SELECT id, name, note, size FROM ${t} WHERE id = PARAM(id)`],
  (t, u) => [
    'many',
    `SELECT a.id, a.name, b.note, b.created_at FROM ${t} AS a LEFT JOIN ${u} AS b ON b.parent_id = a.id WHERE a.name = PARAM(name) ORDER BY a.id`,
  ],
  (t) => [
    'exec',
    `INSERT INTO ${t} (id, parent_id, name, size, tags) VALUES (PARAM(id), PARAM(parent_id), PARAM(name), PARAM(size), PARAM(tags))`,
  ],
  (t) => ['execrows', `UPDATE ${t} SET note = PARAM(note), size = size + 1 WHERE id = PARAM(id)`],
  (t) => [
    'many',
    `SELECT parent_id, count(*) AS n, max(price) AS dearest FROM ${t} GROUP BY parent_id ORDER BY parent_id`,
  ],
  (t, u) => [
    'many',
    `WITH recent AS (SELECT id, name FROM ${t} WHERE created_at > PARAM(since)) SELECT r.name, u.price FROM recent AS r JOIN ${u} AS u ON u.id = r.id ORDER BY r.id`,
  ],
  (t) => ['execrows', `DELETE FROM ${t} WHERE id = PARAM(id) AND size > PARAM(size)`],
  (t) => [
    'many',
    `SELECT id, tags, attributes FROM ${t} WHERE parent_id = PARAM(parent_id) ORDER BY id LIMIT 100`,
  ],
];

export interface CorpusQuery {
  readonly name: string;
  readonly command: string;
  /** Parameters as PARAM(name). */
  readonly sql: string;
}

export function corpus(count: number): CorpusQuery[] {
  return Array.from({ length: count }, (_, i) => {
    const make = templates[i % templates.length]!;
    const [command, sql] = make(`entity_${i % tableCount}`, `entity_${(i * 7 + 3) % tableCount}`);
    return { name: `Query${i}`, command, sql };
  });
}

export const sqlcText = (queries: readonly CorpusQuery[]) =>
  queries
    .map((q) => `-- name: ${q.name} :${q.command}\n${q.sql.replace(/PARAM\((\w+)\)/g, '@$1')};\n`)
    .join('\n');

export const pgtypedText = (queries: readonly CorpusQuery[]) =>
  queries.map((q) => `/* @name ${q.name} */\n${q.sql.replace(/PARAM\((\w+)\)/g, ':$1')};\n`).join('\n');

export function plainTexts(queries: readonly CorpusQuery[]): string[] {
  return queries.map(({ sql }) => {
    let n = 0;
    return sql.replace(/PARAM\(\w+\)/g, () => `$${++n}`);
  });
}
