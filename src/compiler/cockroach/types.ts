import type { Catalog } from '../engine/catalog.ts';
import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode } from '../lints/raw-tree.ts';
import { typeOf } from '../nullability/trusted-functions.ts';

/** What CockroachDB means by a name; PostgreSQL's grammar writes INT as pg_catalog.int4. */
const synonyms: Readonly<Record<string, string>> = {
  'pg_catalog.int4': 'int8',
  string: 'text',
  bytes: 'bytea',
  int64: 'int8',
  json: 'jsonb',
};

/** OID of a type name of the syntax tree; 0 when it is not known. */
export function typeOid(typeName: RawNode | undefined, catalog: Catalog): number {
  const path = names(children(typeName, 'names'));
  const last = path.at(-1) ?? '';
  const name = synonyms[path.join('.')] ?? last;
  const element = [...catalog.types.values()].find(
    (type) => type.name === name && (type.schema === 'pg_catalog' || type.kind !== 'base'),
  );
  if (!element) return 0;
  if (!child(children(typeName, 'arrayBounds')[0])) return element.oid;
  return (
    [...catalog.types.values()].find((type) => type.kind === 'array' && type.element === element.oid)?.oid ??
    0
  );
}

const jsonOperators = new Set(['->', '#>', '-', '||', '#-']);

/** Whether the value of an expression may be JSON, whose null is not SQL's. */
export function mayBeJson(expression: TreeNode, catalog: Catalog): boolean {
  if (expression.type === 'CONST') return false;
  const type = catalog.types.get(typeOf(expression))?.name;
  if (type !== undefined) return type === 'jsonb' || type === 'json';
  const { fields } = expression;
  switch (expression.type) {
    case 'OPEXPR':
      return jsonOperators.has(catalog.operators.get(numberOf(fields['opno'])) ?? '->');
    case 'BOOLEXPR':
    case 'NULLTEST':
    case 'BOOLEANTEST':
    case 'DISTINCTEXPR':
    case 'SQLVALUEFUNCTION':
    case 'SCALARARRAYOPEXPR':
      return false;
    case 'FUNCEXPR':
      return /json/i.test(catalog.functions.get(numberOf(fields['funcid']))?.name ?? 'json');
    case 'AGGREF':
      if (/^(min|max)$/.test(catalog.functions.get(numberOf(fields['aggfnoid']))?.name ?? ''))
        return nodesOf(fields['args']).some(
          (entry) => !isNode(entry.fields['expr']) || mayBeJson(entry.fields['expr'], catalog),
        );
      return !/^(count|sum|sum_int|avg|bool_and|bool_or|every|string_agg)$/.test(
        catalog.functions.get(numberOf(fields['aggfnoid']))?.name ?? '',
      );
    case 'COALESCEEXPR':
    case 'MINMAXEXPR':
      return nodesOf(fields['args']).some((arg) => mayBeJson(arg, catalog));
    default:
      return true;
  }
}
