import type { Catalog } from '../engine/catalog.ts';
import type { WireDescription } from '../engine/wire.ts';
import type { Token } from '../source/lexer.ts';
import type { Verdict } from './verdict.ts';

/** Words with which a column of a table can be NULL though the table forbids it. */
const doubtful = new Set('LEFT RIGHT FULL NATURAL UNION INTERSECT EXCEPT ROLLUP CUBE GROUPING'.split(' '));

/**
 * CockroachDB shows no analysed tree, so only the simplest is proved: a column that Describe gives as a NOT
 * NULL column of a base table, in a statement without outer joins, set operations, grouping sets and views.
 * Describe gives expressions no table. Everything else is nullable unless the author marks it.
 */
export function proveOnCockroach(
  tokens: readonly Token[],
  description: WireDescription,
  catalog: Catalog,
): Verdict[] {
  const views = new Set(
    [...catalog.tables.values()].filter(({ kind }) => kind !== 'table').map(({ name }) => name),
  );
  const doubt = tokens.find(
    ({ kind, text }) =>
      (kind === 'word' && (doubtful.has(text.toUpperCase()) || views.has(text.toLowerCase()))) ||
      (kind === 'quoted' && views.has(text.slice(1, -1))),
  );
  return description.columns.map((column) => {
    const table = catalog.tables.get(column.tableOid);
    const found = table?.columns.find((candidate) => candidate.attribute === column.attribute);
    if (!table || !found) return { nullable: true, reason: 'an expression; CockroachDB tells nothing of it' };
    if (!found.notNull) return { nullable: true, reason: `${table.name}.${found.name} has no NOT NULL` };
    if (doubt) return { nullable: true, reason: `${doubt.text} may leave it NULL` };
    return { nullable: false, reason: `${table.name}.${found.name} is NOT NULL` };
  });
}
