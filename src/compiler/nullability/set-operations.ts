import { isNode, numberOf, type TreeNode } from '../engine/node-tree.ts';
import type { Proof } from './proof.ts';
import type { Scope } from './scope.ts';
import { no, type Verdict, yes } from './verdict.ts';

export function setOperation(proof: Proof, node: TreeNode, i: number, scope: Scope): Verdict {
  if (node.type === 'RANGETBLREF') {
    const subquery = scope.rte(numberOf(node.fields['rtindex']))?.fields['subquery'];
    return isNode(subquery)
      ? proof.output(proof.scope(subquery, scope), i)
      : yes('an arm of the set operation is not known');
  }
  const left = isNode(node.fields['larg']) ? setOperation(proof, node.fields['larg'], i, scope) : yes('?');
  const right = isNode(node.fields['rarg']) ? setOperation(proof, node.fields['rarg'], i, scope) : yes('?');
  // 1 UNION, 2 INTERSECT, 3 EXCEPT
  switch (numberOf(node.fields['op'])) {
    case 2:
      return !left.nullable ? left : right;
    case 3:
      return left;
    default:
      if (left.nullable) return left;
      return right.nullable ? right : no(`every arm of the UNION: ${left.reason}; ${right.reason}`);
  }
}
