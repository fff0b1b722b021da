import { isNode, listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { all, type Proof } from './proof.ts';
import { flag, functionName } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { trusted } from './trusted-functions.ts';
import { no, type Verdict, yes } from './verdict.ts';

const includes = (names: readonly string[], name: string) => names.includes(name);

/** The arguments of an aggregate, without what it is only ordered by. */
export function inputsOf(node: TreeNode): TreeNode[] {
  return nodesOf(node.fields['args'])
    .filter((entry) => !flag(entry.fields['resjunk']))
    .map((entry) => (entry.type === 'TARGETENTRY' ? entry.fields['expr'] : entry))
    .filter(isNode);
}

export function aggregate(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  const f = node.fields;
  const name = functionName(proof.catalog, node);
  if (includes(trusted.countingAggregates, name)) return no(`${name}() is never null`);
  if (numberOf(f['agglevelsup']) !== 0) return yes('an aggregate of an outer query');
  const grouped =
    listOf(scope.query.fields['groupClause']).length > 0 &&
    listOf(scope.query.fields['groupingSets']).length === 0;
  if (!grouped) return yes(`${name}() over no rows is NULL`);
  if (isNode(f['aggfilter'])) return yes(`${name}() with FILTER may see no rows`);
  return overRows(proof, name, inputsOf(node), scope, 'every group has a row');
}

/** An aggregate that sees a row. */
function overRows(
  proof: Proof,
  name: string,
  inputs: readonly TreeNode[],
  scope: Scope,
  reason: string,
): Verdict {
  if (includes(trusted.collectingAggregates, name)) return no(`${reason} for ${name}()`);
  if (!includes(trusted.plainAggregates, name)) return yes(`nothing is known about the aggregate ${name}`);
  return all(proof, inputs, scope, `${reason} for ${name}(), with a value that is not null`);
}

export function windowFunction(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  const name = functionName(proof.catalog, node);
  const inputs = inputsOf(node);
  if (includes(trusted.countingAggregates, name) || includes(trusted.countingWindows, name))
    return no(`${name}() is never null`);
  if (includes(trusted.shiftingWindows, name)) {
    if (name !== 'ntile' && inputs.length < 3) return yes(`${name}() has no row there`);
    return all(proof, inputs, scope, `${name}() of what is not null`);
  }
  if (isNode(node.fields['aggfilter'])) return yes(`${name}() with FILTER may see no rows`);
  if (!frameHasCurrentRow(node, scope)) return yes('the frame of the window may be empty');
  if (includes(trusted.edgeWindows, name)) return all(proof, inputs, scope, `${name}() of what is not null`);
  return overRows(proof, name, inputs, scope, 'the frame has the current row');
}

// Bits of a window's frameOptions (PostgreSQL's parsenodes.h).
const range = 0x2;
const startsAtOrBefore = 0x20 | 0x200 | 0x800;
const endsAtOrAfter = 0x100 | 0x400 | 0x4000;
const offsets = 0x800 | 0x1000 | 0x2000 | 0x4000;
const excludesCurrentRow = 0x8000 | 0x10000;

/** Whether a frame never lacks the row that it is of. A RANGE with offsets compares values: nothing is claimed of it. */
function frameHasCurrentRow(node: TreeNode, scope: Scope): boolean {
  const clause = nodesOf(scope.query.fields['windowClause']).find(
    (candidate) => numberOf(candidate.fields['winref']) === numberOf(node.fields['winref']),
  );
  const options = numberOf(clause?.fields['frameOptions']);
  return (
    (options & startsAtOrBefore) !== 0 &&
    (options & endsAtOrAfter) !== 0 &&
    (options & excludesCurrentRow) === 0 &&
    !((options & range) !== 0 && (options & offsets) !== 0)
  );
}
