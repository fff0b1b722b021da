import type { AnalyzedParam } from '../analyzed.ts';
import { looseUses } from '../cockroach/loose-uses.ts';
import { type CompileTarget, hasType } from '../config.ts';
import { problem } from '../diagnostic.ts';
import type { Catalog } from '../engine/catalog.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import { camelCase, fieldPath, free } from '../names.ts';
import {
  acceptsNull,
  acceptsNullElements,
  parameterUses,
  refusesNull,
} from '../nullability/parameter-uses.ts';
import type { TypeResolver } from '../types/resolve-type.ts';
import { sqlTypeName } from '../types/sql-type-name.ts';
import type { Accepted } from './accepted.ts';

const elementType = (oid: number, { types }: Catalog) => {
  const type = types.get(oid);
  return type?.kind === 'array' ? type.element : undefined;
};

export function analyzeParams(
  { query, description, tree }: Accepted,
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): AnalyzedParam[] {
  const { catalog } = database;
  const uses = tree ? parameterUses(tree, catalog) : looseUses(query.text, catalog);
  // Names that are written down go before those that are made up.
  const fields = new Set<string>();
  const written = new Map<number, string>();
  // The session gives those of a :claim or :finish, by their own names.
  const fieldOf = query.work ? camelCase : target.fieldOf;
  for (const [i, { name, at }] of query.params.entries()) {
    if (name === undefined) continue;
    const field = fieldPath(name, fieldOf);
    if (fields.has(field))
      throw problem(
        query.source,
        'HF032',
        `two parameters would be called ${field}`,
        'name one of them differently',
        at,
      );
    fields.add(field);
    written.set(i, field);
  }
  return description.params.map((oid, i) => {
    const source = query.params[i];
    const use = uses.get(i + 1);
    const column = [use?.assigned, use?.elements, use?.compared, use?.beside].flatMap(
      (found) => found ?? [],
    )[0];
    const field =
      written.get(i) ?? free(fieldOf(use?.clause ?? column?.column.name ?? `param${i + 1}`), fields);
    const origin = column && `${column.table.schema}.${column.table.name}.${column.column.name}`;
    const own = target.overrideFor(query.source.name, source?.name ?? field, undefined);
    const override = own ?? target.overrideFor(query.source.name, source?.name ?? field, origin);
    // An array of what the column holds: `price = ANY($1)`, or a row for each element.
    const held = elementType(oid, catalog);
    const element = own === undefined && column?.column.typeOid === held ? held : undefined;
    const typmod = column && column.column.typeOid === oid ? column.column.typmod : -1;
    const declared = column?.column.typeOid === oid ? column.column.dimensions : 1;
    const accepts = !refusesNull(oid, catalog) && acceptsNull(use, catalog);
    const said = element === undefined ? override?.nullable : undefined;
    const nullable = said ?? (!source?.required && (source?.nullable || accepts));
    const holdsNull = acceptsNullElements(use, catalog, target.arrayElements === 'nullable');
    if (query.parts && field === 'orderBy')
      throw problem(
        query.source,
        'HF032',
        'a parameter called orderBy',
        'name it differently: orderBy chooses the order',
        source?.at,
      );
    return {
      optional: source?.optional ?? false,
      field,
      sqlType: sqlTypeName(oid, catalog),
      use:
        override && hasType(override)
          ? element === undefined
            ? resolver.override(override, oid, typmod)
            : resolver.arrayOf(resolver.override(override, element, -1), !holdsNull, 1)
          : resolver.parameter(oid, typmod, !holdsNull, override?.dimensions ?? declared),
      nullable,
      // A codec by hand may encode what it likes.
      elementsNullable: holdsNull || (element === undefined && override !== undefined && hasType(override)),
      reason: source?.nullable
        ? 'asked for by sqlc.narg'
        : nullable
          ? 'stored in a column that takes NULL, or tested for NULL'
          : 'used where NULL has no meaning',
    };
  });
}
