import type { AnalyzedParam } from '../analyzed.ts';
import { looseUses } from '../cockroach/loose-uses.ts';
import { type CompileTarget, hasType } from '../config.ts';
import { SourceError } from '../diagnostic.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { TreeNode } from '../engine/node-tree.ts';
import type { WireDescription } from '../engine/wire.ts';
import { camelCase } from '../names.ts';
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
  const fields = new Set<string>();
  return description.params.map((oid, i) => {
    const source = query.params[i];
    const use = uses.get(i + 1);
    const column = use?.assigned[0] ?? use?.compared[0];
    let field = camelCase(source?.name ?? column?.column.name ?? `param${i + 1}`);
    if (source?.name === undefined) {
      const base = field;
      for (let n = 2; fields.has(field); n++) field = `${base}${n}`;
    } else if (fields.has(field))
      throw new SourceError(
        problem(
          query,
          'HF032',
          `two parameters would be called ${field}`,
          'name one of them differently',
          source.at,
        ),
      );
    fields.add(field);
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
