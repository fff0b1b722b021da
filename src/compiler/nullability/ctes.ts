import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import type { Proof } from './proof.ts';
import { flag, named } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { no, type Verdict, yes } from './verdict.ts';

export function cteColumn(proof: Proof, rte: TreeNode, attribute: number, scope: Scope): Verdict {
  const owner = scope.up(numberOf(rte.fields['ctelevelsup']));
  const cte = nodesOf(owner.query.fields['cteList']).find(
    (item) => item.fields['ctename'] === rte.fields['ctename'],
  );
  const query = cte?.fields['ctequery'];
  if (!cte || !isNode(query)) return yes('the CTE is not known');
  if (!flag(cte.fields['cterecursive'])) return proof.output(proof.scope(query, owner), attribute - 1);
  const assumed = owner.assumed.get(cte);
  if (assumed)
    return assumed[attribute - 1]
      ? no(`${named(rte.fields['ctename'])} is not null on any turn`)
      : yes('a turn of the recursion may give NULL');
  // Greatest fixed point: suppose every column non-null, drop what a turn refutes, until nothing drops.
  let columns = nodesOf(query.fields['targetList']).map(() => true);
  for (;;) {
    owner.assumed.set(cte, columns);
    const scoped = proof.scope(query, owner);
    const next = columns.map((held, i) => held && !proof.output(scoped, i).nullable);
    if (next.every((held, i) => held === columns[i])) break;
    columns = next;
  }
  owner.assumed.delete(cte);
  return columns[attribute - 1]
    ? no(`no turn of ${named(rte.fields['ctename'])} gives NULL`)
    : yes('a turn of the recursion may give NULL');
}
