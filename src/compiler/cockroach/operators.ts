import type { Catalog } from '../engine/catalog.ts';
import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode, text } from '../lints/raw-tree.ts';
import { operatorOid } from './functions.ts';
import type { Level } from './level.ts';
import { node, opaque } from './nodes.ts';
import type { Resolver } from './resolver.ts';
import { mayBeRow } from './rows.ts';

const comparisons = new Set(['=', '<>', '!=', '<', '>', '<=', '>=']);

export function operation(catalog: Catalog, operator: string, args: readonly TreeNode[]): TreeNode {
  if (comparisons.has(operator) && args.some((arg) => mayBeRow(arg, catalog))) return opaque(...args);
  const oid = operatorOid(operator);
  return node('OPEXPR', { opno: oid, opfuncid: oid, args });
}

/** Everything that the grammar calls A_Expr: operators, IN, BETWEEN, LIKE, IS DISTINCT FROM, NULLIF. */
export function operatorExpression(resolver: Resolver, inner: RawNode, level: Level): TreeNode {
  const operator = names(children(inner, 'name')).at(-1) ?? '';
  const kind = text(inner, 'kind');
  const { catalog } = resolver;
  const left = child(inner, 'lexpr');
  const right = child(inner, 'rexpr');
  const resolved = (raw: RawNode | undefined) => resolver.expression(raw, level);
  const list = () => children(right, 'List', 'items').map(resolved);
  switch (kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return operation(catalog, operator, [left, right].filter((side) => side !== undefined).map(resolved));
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return node('DISTINCTEXPR', { args: [resolved(left), resolved(right)] });
    case 'AEXPR_NULLIF':
      return node('NULLIFEXPR', { args: [resolved(left), resolved(right)] });
    case 'AEXPR_IN': {
      const value = resolved(left);
      const elements = list();
      if ([value, ...elements].some((item) => mayBeRow(item, catalog))) return opaque(value, ...elements);
      return anyOf(catalog, operator, value, node('ARRAYEXPR', { elements }), operator === '=');
    }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return anyOf(catalog, operator, resolved(left), resolved(right), kind === 'AEXPR_OP_ANY');
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN': {
      const value = resolved(left);
      const [low, high] = list();
      if (!low || !high) return opaque(value);
      const within = kind === 'AEXPR_BETWEEN';
      return node('BOOLEXPR', {
        boolop: within ? 'and' : 'or',
        args: [
          operation(catalog, within ? '>=' : '<', [value, low]),
          operation(catalog, within ? '<=' : '>', [value, high]),
        ],
      });
    }
    default:
      return opaque(left && resolved(left), right && !child(right, 'List') ? resolved(right) : undefined);
  }
}

function anyOf(
  catalog: Catalog,
  operator: string,
  value: TreeNode,
  array: TreeNode,
  useOr: boolean,
): TreeNode {
  if (mayBeRow(value, catalog)) return opaque(value, array);
  return node('SCALARARRAYOPEXPR', { opfuncid: operatorOid(operator), useOr, args: [value, array] });
}
