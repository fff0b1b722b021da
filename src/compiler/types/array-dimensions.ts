import type { Catalog } from '../engine/catalog.ts';
import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import type { Located, Prover } from '../nullability/prove.ts';
import { functionName, rteRelation } from '../nullability/query-tree.ts';
import type { Scope } from '../nullability/scope.ts';
import { typeOf } from '../nullability/trusted-functions.ts';

/**
 * How many dimensions an array most likely has: as its column is declared (`INT[][]`), as its constructor is
 * nested, one more for each aggregation of arrays. PostgreSQL holds a column to none of it, so this decides what
 * a type says and what the codec insists on, never what is true.
 */
export function arrayDimensions(located: Located, prover: Prover, catalog: Catalog): number {
  const { node, ...found } = prover.follow(located);
  const scope = found.scope as Scope;
  const at = (inner: TreeNode) => arrayDimensions({ node: inner, scope }, prover, catalog);
  const inside = (inner: TreeNode | undefined) =>
    inner && catalog.types.get(typeOf(inner))?.kind === 'array' ? at(inner) : 0;
  const argument = node.fields['arg'];
  switch (node.type) {
    case 'VAR': {
      const rte = scope.up(numberOf(node.fields['varlevelsup'])).rte(numberOf(node.fields['varno']));
      if (!rte || numberOf(rte.fields['rtekind']) !== rteRelation) return 1;
      const attribute = numberOf(node.fields['varattno']);
      const columns = catalog.tables.get(numberOf(rte.fields['relid']))?.columns;
      return columns?.find((column) => column.attribute === attribute)?.dimensions ?? 1;
    }
    case 'ARRAYEXPR':
    case 'ARRAY':
      return 1 + inside(nodesOf(node.fields['elements'])[0]);
    case 'AGGREF': {
      const name = functionName(catalog, node);
      const input = nodesOf(node.fields['args'])[0]?.fields['expr'];
      if (name === 'array_agg') return 1 + inside(isNode(input) ? input : undefined);
      return isNode(input) && ['min', 'max', 'any_value'].includes(name) ? at(input) : 1;
    }
    case 'COALESCEEXPR':
    case 'COALESCE':
      return Math.max(1, ...nodesOf(node.fields['args']).map(at));
    case 'RELABELTYPE':
    case 'ARRAYCOERCEEXPR':
      return isNode(argument) ? at(argument) : 1;
    default:
      return 1;
  }
}
