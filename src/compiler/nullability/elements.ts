import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { all, type Proof } from './proof.ts';
import { constArrayHasNull, functionName } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { no, type Verdict, yes } from './verdict.ts';

/** Whether the elements of an array can be null. */
export function elements(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  if (node.type === 'PARAM') return no('array parameters hold no NULL');
  if (node.type === 'ARRAYEXPR' || node.type === 'ARRAY')
    return all(proof, nodesOf(node.fields['elements']), scope, 'every element is not null');
  if ((node.type === 'RELABELTYPE' || node.type === 'ARRAYCOERCEEXPR') && isNode(node.fields['arg']))
    return elements(proof, node.fields['arg'], scope);
  if (
    node.type === 'SUBLINK' &&
    numberOf(node.fields['subLinkType']) === 6 &&
    isNode(node.fields['subselect'])
  )
    return proof.output(proof.scope(node.fields['subselect'], scope), 0);
  if (node.type === 'AGGREF' && functionName(proof.catalog, node) === 'array_agg') {
    const input = nodesOf(node.fields['args'])[0]?.fields['expr'];
    return isNode(input) ? proof.expression(input, scope) : yes('the aggregated value is not known');
  }
  if (node.type === 'COALESCEEXPR' || node.type === 'COALESCE') {
    const options = nodesOf(node.fields['args']).map((option) => elements(proof, option, scope));
    return options.find((option) => option.nullable) ?? no('no option of COALESCE holds a NULL');
  }
  if (node.type === 'CONST')
    return constArrayHasNull(node) ? yes('the constant array may hold NULL') : no('a constant without NULL');
  return yes('an array may hold NULL elements');
}
