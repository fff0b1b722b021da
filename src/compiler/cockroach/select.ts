import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, find, names, type RawNode, text } from '../lints/raw-tree.ts';
import { setReturningCalls } from '../nullability/query-tree.ts';
import { setOperation, values } from './combined.ts';
import { fromItem } from './from.ts';
import { mayReturnSet } from './functions.ts';
import { findTable, Level, type Range, type RangeColumn, variable } from './level.ts';
import { outputName } from './naming.ts';
import { node, opaque, targetEntry } from './nodes.ts';
import { queryNode } from './query-node.ts';
import type { Resolver } from './resolver.ts';
import { UnresolvedError } from './unresolved.ts';
import { addCtes } from './with.ts';

/** FROM and WHERE; what FROM names stays visible at the level. */
export function joinTree(
  resolver: Resolver,
  level: Level,
  from: readonly RawNode[],
  where: RawNode | undefined,
  first: readonly { readonly node: TreeNode; readonly range: Range }[] = [],
): TreeNode {
  const items = [...first];
  for (const raw of from)
    items.push(
      fromItem(
        resolver,
        raw,
        level,
        items.map((item) => item.range),
      ),
    );
  level.visible = items.map((item) => item.range);
  return node('FROMEXPR', {
    fromlist: items.map((item) => item.node),
    quals: where ? resolver.expression(where, level) : null,
  });
}

export function resolveSelect(resolver: Resolver, raw: RawNode, parent: Level | undefined): TreeNode {
  const level = new Level(parent);
  const cteList = addCtes(resolver, child(raw, 'withClause'), level);
  const tail = {
    cteList,
    limitCount: raw['limitCount'] ? resolver.expression(child(raw, 'limitCount'), level) : null,
    limitOffset: raw['limitOffset'] ? resolver.expression(child(raw, 'limitOffset'), level) : null,
  };
  if (text(raw, 'op') !== 'SETOP_NONE') return setOperation(resolver, raw, level, tail);
  if (raw['valuesLists']) return values(resolver, raw, level, tail);
  if (children(raw, 'groupClause').some((item) => child(item, 'GroupingSet')))
    throw new UnresolvedError('grouping sets');
  const jointree = joinTree(resolver, level, children(raw, 'fromClause'), child(raw, 'whereClause'));
  const targetList = outputList(resolver, children(raw, 'targetList'), level);
  for (const key of ['distinctClause', 'groupClause', 'sortClause'])
    targetList.push(...hiddenSets(resolver, children(raw, key), level));
  const having = child(raw, 'havingClause');
  const havingQual = having ? resolver.expression(having, level) : null;
  return queryNode(level, {
    ...tail,
    jointree,
    targetList,
    havingQual,
    groupClause: children(raw, 'groupClause').map(() => opaque()),
    hasTargetSRFs: false,
    hasAggs: level.hasAggregates,
  });
}

/** What rows are only ordered, grouped or told apart by, where it is a call that may give rows of its own. */
function hiddenSets(resolver: Resolver, items: readonly RawNode[], level: Level): TreeNode[] {
  return items
    .map((item) => child(item, 'SortBy', 'node') ?? item)
    .filter((item) =>
      find(item, 'FuncCall').some((call) => mayReturnSet(names(children(call, 'funcname')).at(-1) ?? '')),
    )
    .map((item) => {
      const entry = targetEntry(resolver.expression(item, level), 0, null);
      return { ...entry, fields: { ...entry.fields, resjunk: 'true' } };
    })
    .filter((entry) => setReturningCalls(entry) > 0);
}

/** A select list or RETURNING, stars expanded. */
export function outputList(resolver: Resolver, raw: readonly RawNode[], level: Level): TreeNode[] {
  const entries: TreeNode[] = [];
  for (const item of raw) {
    const value = child(item, 'ResTarget', 'val');
    const fields = children(value, 'ColumnRef', 'fields');
    const name = text(item, 'ResTarget', 'name') || outputName(value);
    if (fields.length > 0 && child(fields.at(-1), 'A_Star')) {
      const location = Number(child(value, 'ColumnRef')?.['location'] ?? 0);
      for (const { column, up } of starColumns(level, names(fields)))
        entries.push(targetEntry(variable(column, up, location), entries.length + 1, column.name ?? null));
    } else {
      const expression = resolver.expression(value, level);
      entries.push(targetEntry(expression, entries.length + 1, name ?? null));
    }
  }
  return entries;
}

function starColumns(level: Level, qualifier: readonly string[]): { column: RangeColumn; up: number }[] {
  const shown = (columns: readonly RangeColumn[], up: number) =>
    columns.filter((column) => !column.hidden).map((column) => ({ column, up }));
  if (qualifier.length === 0) return level.visible.flatMap((range) => shown(range.columns, 0));
  const { table, up } = findTable(level, qualifier);
  return shown(table.columns, up);
}
