import { isNode, numberOf, type TreeNode } from '../engine/node-tree.ts';
import type { Proof } from './proof.ts';
import { givesOneRow } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { no, type Verdict, yes } from './verdict.ts';

export function sublink(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  const kind = numberOf(node.fields['subLinkType']);
  if (kind === 0) return no('EXISTS is never null');
  if (kind === 6) return no('ARRAY(...) is never null');
  const query = node.fields['subselect'];
  if (kind !== 4 || !isNode(query)) return yes('the subquery may give NULL');
  if (!givesOneRow(query)) return yes('the subquery may give no row');
  return proof.output(proof.scope(query, scope), 0);
}
