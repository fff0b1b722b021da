import type { CatalogTable } from '../engine/catalog.ts';
import type { LintSubject } from './lint.ts';
import { child, children, type RawNode, text } from './raw-tree.ts';

/** The table that a RangeVar names. */
export function tableOf(range: RawNode | undefined, { catalog }: LintSubject): CatalogTable | undefined {
  const name = text(range, 'relname');
  const schema = text(range, 'schemaname') || 'public';
  return [...catalog.tables.values()].find(
    (table) => table.name === name && table.schema === schema && table.kind === 'table',
  );
}

/** The only table of a FROM clause, when there is only one. */
export function singleTable(select: RawNode, subject: LintSubject): CatalogTable | undefined {
  const from = children(select, 'fromClause');
  return from.length === 1 ? tableOf(child(from[0], 'RangeVar'), subject) : undefined;
}

/** Whether a list of the configuration names the table, with its schema or without. */
export function isListed(table: CatalogTable, list: readonly string[]): boolean {
  return list.some((name) => name === table.name || name === `${table.schema}.${table.name}`);
}
