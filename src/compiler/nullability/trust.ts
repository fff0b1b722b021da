import { functionsByTrust, operatorsByTrust } from '../cockroach/functions.ts';
import type { Catalog, CatalogFunction } from '../engine/catalog.ts';
import type { TreeNode } from '../engine/node-tree.ts';
import { type Trust, trustFunction, trustOperator } from './trusted-functions.ts';

/** What an engine's functions and operators are trusted with. */
export interface TrustRules {
  function(known: CatalogFunction, node: TreeNode): Trust;
  /** `args` are the types of the operands, where the engine tells them. */
  operator(name: string, args: readonly number[]): Trust;
}

const postgresql: TrustRules = { function: trustFunction, operator: trustOperator };

const never = new Set(functionsByTrust.never);
const asArguments = new Set([...functionsByTrust.strict, ...functionsByTrust.lenient]);
const operators = new Set([...operatorsByTrust.strict, ...operatorsByTrust.lenient]);

const cockroachdb: TrustRules = {
  function: ({ name }, node) => {
    if (never.has(name)) return node.fields['funcvariadic'] === 'true' ? 'as-arguments' : 'never';
    return asArguments.has(name) ? 'as-arguments' : 'unknown';
  },
  operator: (name) => (operators.has(name) ? 'as-arguments' : 'unknown'),
};

export const trustRules = (catalog: Catalog): TrustRules =>
  catalog.dialect === 'cockroachdb' ? cockroachdb : postgresql;
