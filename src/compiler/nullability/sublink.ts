import { isNode, listOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import type { Proof } from './proof.ts';
import { commandSelect, flag, isBareSelect } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { no, type Verdict, yes } from './verdict.ts';

export function sublink(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  const kind = numberOf(node.fields['subLinkType']);
  if (kind === 0) return no('EXISTS is never null');
  if (kind === 6) return no('ARRAY(...) is never null');
  const query = node.fields['subselect'];
  if (kind !== 4 || !isNode(query)) return yes('the subquery may give NULL');
  const f = query.fields;
  const oneRow =
    numberOf(f['commandType']) === commandSelect &&
    f['limitCount'] === null &&
    f['limitOffset'] === null &&
    f['havingQual'] === null &&
    f['setOperations'] === null &&
    listOf(f['groupClause']).length === 0 &&
    listOf(f['groupingSets']).length === 0 &&
    !flag(f['hasTargetSRFs']) &&
    (flag(f['hasAggs']) || isBareSelect(query));
  if (!oneRow) return yes('the subquery may give no row');
  return proof.output(proof.scope(query, scope), 0);
}
