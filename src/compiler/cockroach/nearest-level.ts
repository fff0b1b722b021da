import { isNode, numberOf, type TreeNode } from '../engine/node-tree.ts';

/** How many levels up the nearest variable of an expression is; undefined when it has none. */
export function nearestLevel(expression: TreeNode, depth = 0): number | undefined {
  if (expression.type === 'VAR') {
    const up = numberOf(expression.fields['varlevelsup']) - depth;
    return up >= 0 ? up : undefined;
  }
  const below = expression.type === 'QUERY' ? depth + 1 : depth;
  let nearest: number | undefined;
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (isNode(value as TreeNode)) {
      const found = nearestLevel(value as TreeNode, below);
      if (found !== undefined && (nearest === undefined || found < nearest)) nearest = found;
    }
  };
  for (const value of Object.values(expression.fields)) visit(value);
  return nearest;
}
