import type { Catalog, CatalogTable } from '../engine/catalog.ts';
import { type RawNode, text } from '../lints/raw-tree.ts';
import { aliased, eref, type FromItem, reference, simpleRange } from './from-item.ts';
import type { Level, RangeColumn } from './level.ts';
import { node } from './nodes.ts';
import type { Resolver } from './resolver.ts';
import { UnresolvedError } from './unresolved.ts';

/** The table that a name stands for, along the search path. */
export function findRelation(catalog: Catalog, raw: RawNode): CatalogTable {
  const schema = text(raw, 'schemaname');
  const name = text(raw, 'relname');
  const database = text(raw, 'catalogname');
  const known = catalog.cockroach;
  // System tables come first when no schema is said.
  const foreign = database !== '' && database !== known?.database;
  if (!foreign && !(schema === '' && name.startsWith('pg_')))
    for (const place of schema === '' ? (known?.searchPath ?? []) : [schema])
      for (const table of catalog.tables.values())
        if (table.schema === place && table.name === name) return table;
  throw new UnresolvedError(`${name} is no known table`);
}

export function relationColumns(table: CatalogTable, varno: number): RangeColumn[] {
  return table.columns.map((column) => ({
    name: column.name,
    varno,
    attribute: column.attribute,
    type: column.typeOid,
    hidden: column.hidden ?? false,
  }));
}

/** A table, or a view with the query behind it. */
export function relationItem(resolver: Resolver, raw: RawNode, level: Level): FromItem {
  const table = findRelation(resolver.catalog, raw);
  const varno = level.rtable.length + 1;
  const { alias, columns } = aliased(raw, table.name, relationColumns(table, varno));
  const subquery = table.kind === 'view' ? resolver.view(table.oid) : undefined;
  level.add(
    node('RANGETBLENTRY', {
      rtekind: subquery ? 1 : 0,
      relid: table.oid,
      ...(subquery ? { subquery } : {}),
      eref: eref(alias, columns),
      inFromCl: true,
    }),
  );
  return { node: reference(varno), range: simpleRange(alias, columns, table.schema) };
}
