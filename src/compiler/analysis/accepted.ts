import type { TreeNode } from '../engine/node-tree.ts';
import type { WireDescription } from '../engine/wire.ts';
import type { EngineQuery } from '../source/engine-query.ts';
import type { Variant } from '../variants.ts';

/** A query that the engine accepted, with the text that is to be sent. */
export interface Accepted {
  readonly query: EngineQuery;
  readonly description: WireDescription;
  readonly tree: TreeNode | undefined;
  text: string;
  /** For each column whether CockroachDB's optimizer proves it non-null, in every form; undefined when it cannot tell. */
  plan: readonly boolean[] | undefined;
  /** What the other forms of a query with optional parts were found to be. */
  variants: readonly Variant[];
  /** Table of sqlc.embed by output column. */
  embeds: ReadonlyMap<number, string>;
}
