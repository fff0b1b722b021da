import type { AnalyzedColumn } from '../analyzed.ts';
import type { Catalog } from '../engine/catalog.ts';
import type { WireColumn } from '../engine/wire.ts';
import type { TypeResolver } from '../types/resolve-type.ts';
import type { TypeUse } from '../types/type-use.ts';

/** The type of a table's rows, where the columns are those of one table: all of them, in its order, and as it has them. */
export function tableRow(
  columns: readonly AnalyzedColumn[],
  described: readonly WireColumn[],
  { tables, types }: Catalog,
  resolver: TypeResolver,
): TypeUse | undefined {
  const table = tables.get(described[0]?.tableOid ?? 0);
  const isWhole =
    table?.columns.length === columns.length &&
    table.columns.every(
      ({ attribute }, i) => described[i]!.tableOid === table.oid && described[i]!.attribute === attribute,
    );
  if (!isWhole) return undefined;
  const type = [...types.values()].find(
    ({ kind, relation }) => kind === 'composite' && relation === table.oid,
  );
  const row = type && resolver.row(type.oid);
  const isSame = row?.shared[0]?.fields.every(({ name, use, notNull }, i) => {
    const column = columns[i]!;
    const { ts, codec } = column.use;
    return column.field === name && column.nullable === !notNull && ts === use.ts && codec === use.codec;
  });
  return isSame ? row : undefined;
}
