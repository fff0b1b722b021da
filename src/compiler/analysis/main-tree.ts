import { loadModule } from 'libpg-query';
import { resolveStatement } from '../cockroach/resolve.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import { isNode, listOf, readNodeTree, type TreeNode } from '../engine/node-tree.ts';
import type { WireDescription } from '../engine/wire.ts';

/** To be awaited before `mainTree`. */
export async function prepareTrees(database: CompileDatabase): Promise<void> {
  if (database.engine.cockroach) await loadModule();
}

/** The analysed main query of a statement: PostgreSQL's own, or resolved here for CockroachDB. */
export function mainTree(
  text: string,
  description: WireDescription,
  { catalog }: CompileDatabase,
): TreeNode | undefined {
  if (catalog.dialect === 'cockroachdb') return resolveStatement(text, description, catalog);
  if (description.tree === undefined) return undefined;
  const trees = listOf(readNodeTree(description.tree)).filter(isNode);
  return trees.find((tree) => tree.fields['canSetTag'] === 'true') ?? trees[0];
}
