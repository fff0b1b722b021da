import type { Catalog } from '../engine/catalog.ts';
import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { typeOf } from '../nullability/trusted-functions.ts';

/** A value of some type that is no row. */
const someScalar = -1;

/**
 * Whether the value of an expression may be a row. CockroachDB gives NULL when it compares rows of which a
 * field is NULL, though the rows themselves are not.
 */
export function mayBeRow(expression: TreeNode, catalog: Catalog): boolean {
  const { fields: f } = expression;
  const composite = catalog.types.get(typeOf(expression))?.kind === 'composite';
  const any = (nodes: readonly TreeNode[]) => nodes.some((item) => mayBeRow(item, catalog));
  switch (expression.type) {
    case 'VAR':
      return composite || typeOf(expression) === 0;
    case 'COERCEVIAIO':
      return composite || (typeOf(expression) === 0 && isNode(f['arg']) && mayBeRow(f['arg'], catalog));
    case 'ARRAYEXPR':
      return any(nodesOf(f['elements']));
    case 'CASEEXPR': {
      const results = nodesOf(f['args']).map((when) => when.fields['result']);
      return any([...results, f['defresult']].filter(isNode));
    }
    case 'COALESCEEXPR':
    case 'MINMAXEXPR':
    case 'NULLIFEXPR':
      return any(nodesOf(f['args']));
    case 'FUNCEXPR':
      return !catalog.functions.has(numberOf(f['funcid'])) || any(nodesOf(f['args']));
    case 'AGGREF':
    case 'WINDOWFUNC':
      return any(
        nodesOf(f['args']).map((entry) => (isNode(entry.fields['expr']) ? entry.fields['expr'] : entry)),
      );
    case 'SUBLINK': {
      if (numberOf(f['subLinkType']) !== 4) return false;
      const inner = isNode(f['subselect']) ? nodesOf(f['subselect'].fields['targetList'])[0] : undefined;
      return !isNode(inner?.fields['expr']) || mayBeRow(inner.fields['expr'], catalog);
    }
    case 'OPAQUE':
      return true;
    default:
      return false;
  }
}

/** Type of a column that an expression makes; 0 when it may be a row. */
export const columnType = (expression: TreeNode, catalog: Catalog) =>
  mayBeRow(expression, catalog) ? 0 : typeOf(expression) || someScalar;
