import type { AnalyzedParam } from '../analyzed.ts';
import { looseUses } from '../cockroach/loose-uses.ts';
import { type CompileTarget, hasType } from '../config.ts';
import { SourceError } from '../diagnostic.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { TreeNode } from '../engine/node-tree.ts';
import type { WireDescription } from '../engine/wire.ts';
import { camelCase, fieldPath } from '../names.ts';
import { acceptsNull, parameterUses } from '../nullability/parameter-uses.ts';
import type { EngineQuery } from '../source/parameters.ts';
import type { TypeResolver } from '../types/resolve-type.ts';
import { sqlTypeName } from '../types/sql-type-name.ts';
import { problem } from './problem.ts';

export function analyzeParams(
  query: EngineQuery,
  description: WireDescription,
  tree: TreeNode | undefined,
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): AnalyzedParam[] {
  const uses = tree ? parameterUses(tree, database.catalog) : looseUses(query.text, database.catalog);
  // Names that are written down go before those that are made up.
  const fields = new Set<string>();
  const written = new Map<number, string>();
  // The session gives those of a :claim or :finish, by their own names.
  const fieldOf = query.work ? camelCase : target.fieldOf;
  for (const [i, { name, at }] of query.params.entries()) {
    if (name === undefined) continue;
    const field = fieldPath(name, fieldOf);
    if (fields.has(field))
      throw new SourceError(
        problem(
          query,
          'HF032',
          `two parameters would be called ${field}`,
          'name one of them differently',
          at,
        ),
      );
    fields.add(field);
    written.set(i, field);
  }
  return description.params.map((oid, i) => {
    const source = query.params[i];
    const use = uses.get(i + 1);
    const column = use?.assigned[0] ?? use?.compared[0];
    let field = written.get(i) ?? '';
    if (field === '') {
      const base = fieldOf(column?.column.name ?? `param${i + 1}`);
      field = base;
      for (let n = 2; fields.has(field); n++) field = `${base}${n}`;
      fields.add(field);
    }
    const origin = column && `${column.table.schema}.${column.table.name}.${column.column.name}`;
    const override = target.overrideFor(query.source.name, source?.name ?? field, origin);
    const typmod = column && column.column.typeOid === oid ? column.column.typmod : -1;
    const declared = column?.column.typeOid === oid ? column.column.dimensions : 1;
    const nullable = override?.nullable ?? (!source?.required && (source?.nullable || acceptsNull(use)));
    if (query.parts && field === 'orderBy')
      throw new SourceError(
        problem(
          query,
          'HF032',
          'a parameter called orderBy',
          'name it differently: orderBy chooses the order',
          source?.at,
        ),
      );
    return {
      optional: source?.optional ?? false,
      field,
      sqlType: sqlTypeName(oid, database.catalog),
      use:
        override && hasType(override)
          ? resolver.override(override, oid, typmod)
          : resolver.resolve(oid, typmod, true, override?.dimensions ?? declared),
      nullable,
      reason: source?.nullable
        ? 'asked for by sqlc.narg'
        : nullable
          ? 'stored in a column that takes NULL, or tested for NULL'
          : 'used where NULL has no meaning',
    };
  });
}
