import type { Catalog } from '../engine/catalog.ts';
import type { TreeNode } from '../engine/node-tree.ts';
import type { Scope } from './scope.ts';
import { no, type ParameterFacts, type Verdict } from './verdict.ts';

/** What the rules of the prover ask of each other. */
export interface Proof {
  readonly catalog: Catalog;
  readonly params: ParameterFacts;
  expression(node: TreeNode, scope: Scope): Verdict;
  /** The i-th visible output column of a query level. */
  output(scope: Scope, i: number): Verdict;
  /** The scope of a query below `parent`. */
  scope(query: TreeNode, parent: Scope | undefined): Scope;
}

/** `reason` when none of `nodes` can be null; otherwise the first that can. */
export function all(proof: Proof, nodes: readonly TreeNode[], scope: Scope, reason: string): Verdict {
  for (const node of nodes) {
    const verdict = proof.expression(node, scope);
    if (verdict.nullable) return verdict;
  }
  return no(reason);
}
