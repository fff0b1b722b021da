import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode, text } from '../lints/raw-tree.ts';
import { fromItem } from './from.ts';
import { findTable, Level, type Range, type RangeColumn, variable } from './level.ts';
import { outputName } from './naming.ts';
import { node, opaque, targetEntry } from './nodes.ts';
import { outputColumns } from './outputs.ts';
import type { Resolver } from './resolver.ts';
import { columnType } from './rows.ts';
import { UnresolvedError } from './unresolved.ts';
import { addCtes } from './with.ts';

/** What every query of the tree has, whatever it does. */
export function queryNode(level: Level, fields: Parameters<typeof node>[1]): TreeNode {
  return node('QUERY', {
    commandType: 1,
    rtable: level.rtable,
    jointree: null,
    targetList: [],
    returningList: [],
    cteList: [],
    setOperations: null,
    groupClause: [],
    groupingSets: [],
    havingQual: null,
    limitCount: null,
    limitOffset: null,
    hasAggs: level.hasAggregates,
    hasTargetSRFs: false,
    resultRelation: 0,
    canSetTag: true,
    ...fields,
  });
}

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
    // Only whether they are there is asked.
    limitCount: raw['limitCount'] ? opaque() : null,
    limitOffset: raw['limitOffset'] ? opaque() : null,
  };
  if (text(raw, 'op') !== 'SETOP_NONE') return setOperation(resolver, raw, level, tail);
  if (raw['valuesLists']) return values(resolver, raw, level, tail);
  if (children(raw, 'groupClause').some((item) => child(item, 'GroupingSet')))
    throw new UnresolvedError('grouping sets');
  const jointree = joinTree(resolver, level, children(raw, 'fromClause'), child(raw, 'whereClause'));
  const targetList = outputList(resolver, children(raw, 'targetList'), level);
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

const operations = ['SETOP_NONE', 'SETOP_UNION', 'SETOP_INTERSECT', 'SETOP_EXCEPT'];

function setOperation(
  resolver: Resolver,
  raw: RawNode,
  level: Level,
  tail: Parameters<typeof node>[1],
): TreeNode {
  const arm = (side: RawNode): TreeNode => {
    if (text(side, 'op') !== 'SETOP_NONE' && !side['withClause'])
      return node('SETOPERATIONSTMT', {
        op: operations.indexOf(text(side, 'op')),
        larg: arm(child(side, 'larg') ?? {}),
        rarg: arm(child(side, 'rarg') ?? {}),
      });
    const subquery = resolver.query({ SelectStmt: side }, level);
    return node('RANGETBLREF', { rtindex: level.add(node('RANGETBLENTRY', { rtekind: 1, subquery })) });
  };
  const setOperations = node('SETOPERATIONSTMT', {
    op: operations.indexOf(text(raw, 'op')),
    larg: arm(child(raw, 'larg') ?? {}),
    rarg: arm(child(raw, 'rarg') ?? {}),
  });
  const arms = level.rtable.map(({ fields }) =>
    outputColumns(fields['subquery'] as TreeNode, resolver.catalog),
  );
  const targetList = (arms[0] ?? []).map(({ name, type }, i) => {
    const row = arms.some((other) => other[i]?.type === 0);
    return targetEntry(columnVariable(1, i, row ? 0 : type), i + 1, name ?? null);
  });
  return queryNode(level, {
    ...tail,
    setOperations,
    targetList,
    jointree: node('FROMEXPR', { fromlist: [], quals: null }),
  });
}

function values(resolver: Resolver, raw: RawNode, level: Level, tail: Parameters<typeof node>[1]): TreeNode {
  const rows = valueRows(resolver, raw, level);
  const rtindex = level.add(node('RANGETBLENTRY', { rtekind: 5, values_lists: rows, inFromCl: true }));
  const targetList = (rows[0] ?? []).map((_, i) => {
    const types = rows.map((row) => (row[i] ? columnType(row[i], resolver.catalog) : 0));
    return targetEntry(
      columnVariable(rtindex, i, types.includes(0) ? 0 : types[0]!),
      i + 1,
      `column${i + 1}`,
    );
  });
  const fromlist = [node('RANGETBLREF', { rtindex })];
  return queryNode(level, { ...tail, targetList, jointree: node('FROMEXPR', { fromlist, quals: null }) });
}

const columnVariable = (varno: number, i: number, type: number) =>
  variable({ name: undefined, varno, attribute: i + 1, type }, 0, 0);

/** Rows of VALUES, each a list of expressions. */
export function valueRows(resolver: Resolver, raw: RawNode, level: Level): TreeNode[][] {
  return children(raw, 'valuesLists').map((row) =>
    children(row, 'List', 'items').map((item) => resolver.expression(item, level)),
  );
}
