import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode, text } from '../lints/raw-tree.ts';
import type { Level, Range, RangeColumn } from './level.ts';
import { node } from './nodes.ts';

/** An item of FROM in the join tree, and what it can be called. */
export interface FromItem {
  readonly node: TreeNode;
  readonly range: Range;
}

export const reference = (rtindex: number) => node('RANGETBLREF', { rtindex });

/** One name for all of it, and columns by the alias's names as far as they go. */
export function aliased(
  raw: RawNode | undefined,
  fallback: string,
  columns: readonly RangeColumn[],
): { readonly alias: string; readonly columns: readonly RangeColumn[] } {
  const alias = child(raw, 'alias');
  const renamed = names(children(alias, 'colnames'));
  let next = 0;
  return {
    alias: text(alias, 'aliasname') || fallback,
    columns: columns.map((column) =>
      column.hidden ? column : { ...column, name: renamed[next++] ?? column.name },
    ),
  };
}

export function eref(alias: string, columns: readonly RangeColumn[]): TreeNode {
  return node('ALIAS', { aliasname: alias, colnames: columns.map((column) => column.name ?? null) });
}

/** A range of one table whose columns can be named with and without it. */
export function simpleRange(alias: string, columns: readonly RangeColumn[], schema?: string): Range {
  return { tables: alias === '' ? [] : [{ alias, schema, columns }], columns };
}

/** Resolves one item of FROM; `before` are the items to its left, which LATERAL ones may name. */
export type ItemResolver = (raw: RawNode, level: Level, before: readonly Range[]) => FromItem;
