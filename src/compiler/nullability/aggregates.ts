import { isNode, listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { all, type Proof } from './proof.ts';
import { functionName } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { collectingAggregates, plainAggregates } from './trusted-functions.ts';
import { no, type Verdict, yes } from './verdict.ts';

export function aggregate(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  const f = node.fields;
  const name = functionName(proof.catalog, node);
  if (name === 'count' || name === 'regr_count') return no('count() is never null');
  if (numberOf(f['agglevelsup']) !== 0) return yes('an aggregate of an outer query');
  const grouped =
    listOf(scope.query.fields['groupClause']).length > 0 &&
    listOf(scope.query.fields['groupingSets']).length === 0;
  if (!grouped) return yes(`${name}() over no rows is NULL`);
  if (isNode(f['aggfilter'])) return yes(`${name}() with FILTER may see no rows`);
  if (collectingAggregates.has(name) && !name.endsWith('_strict'))
    return no(`every group has a row for ${name}()`);
  if (!plainAggregates.has(name)) return yes(`nothing is known about the aggregate ${name}`);
  const inputs = nodesOf(f['args'])
    .map((entry) => entry.fields['expr'])
    .filter(isNode);
  return all(proof, inputs, scope, `every group has a row for ${name}(), with a value that is not null`);
}
