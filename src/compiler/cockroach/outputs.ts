import type { Catalog } from '../engine/catalog.ts';
import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { columnType } from './rows.ts';

/** Names and types of what a query gives. */
export function outputColumns(
  query: TreeNode,
  catalog: Catalog,
): { readonly name: string | undefined; readonly type: number }[] {
  const select = numberOf(query.fields['commandType']) === 1;
  const list = nodesOf(query.fields[select ? 'targetList' : 'returningList']);
  return list
    .filter((entry) => entry.fields['resjunk'] !== 'true')
    .map(({ fields }) => ({
      name: typeof fields['resname'] === 'string' ? fields['resname'] : undefined,
      type: isNode(fields['expr']) ? columnType(fields['expr'], catalog) : 0,
    }));
}
