import type { Catalog } from '../engine/catalog.ts';
import type { TreeNode } from '../engine/node-tree.ts';
import type { RawNode } from '../lints/raw-tree.ts';
import type { Level } from './level.ts';

/** What the parts of the resolver ask of each other. */
export interface Resolver {
  readonly catalog: Catalog;
  /** Type of parameter n, from 1. */
  parameterType(n: number): number;
  /** A query in parentheses, of the level `parent`. */
  query(raw: RawNode, parent: Level | undefined): TreeNode;
  /** The query behind a view; undefined when it cannot be read. */
  view(oid: number): TreeNode | undefined;
  expression(raw: RawNode | undefined, level: Level): TreeNode;
}
