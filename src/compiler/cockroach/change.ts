import type { CatalogTable } from '../engine/catalog.ts';
import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, type RawNode, text } from '../lints/raw-tree.ts';
import { valueRows } from './combined.ts';
import { eref, reference, simpleRange } from './from-item.ts';
import { Level, type Range, type RangeColumn, variable } from './level.ts';
import { node, opaque, targetEntry } from './nodes.ts';
import { outputColumns } from './outputs.ts';
import { queryNode } from './query-node.ts';
import { findRelation, relationColumns } from './relation.ts';
import type { Resolver } from './resolver.ts';
import { joinTree, outputList } from './select.ts';
import { UnresolvedError } from './unresolved.ts';
import { addCtes } from './with.ts';

const update = 2;
const insert = 3;
const deletion = 4;

interface Target {
  readonly table: CatalogTable;
  readonly range: Range;
}

/** The table that is changed: the first entry of the range table. */
function addTarget(resolver: Resolver, raw: RawNode, level: Level, alias?: string): Target {
  const table = findRelation(resolver.catalog, raw);
  const columns = relationColumns(table, level.rtable.length + 1);
  const name = alias ?? (text(raw, 'alias', 'aliasname') || table.name);
  level.add(node('RANGETBLENTRY', { rtekind: 0, relid: table.oid, eref: eref(name, columns) }));
  return { table, range: simpleRange(name, columns, table.schema) };
}

function attributeOf({ table }: Target, name: string): number {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (!column) throw new UnresolvedError(`${table.name}.${name} is not known`);
  return column.attribute;
}

function returning(resolver: Resolver, raw: RawNode, level: Level): TreeNode[] {
  const list = children(raw, 'returningClause', 'exprs');
  return outputList(resolver, list.length > 0 ? list : children(raw, 'returningList'), level);
}

export function resolveInsert(resolver: Resolver, raw: RawNode, parent: Level | undefined): TreeNode {
  const level = new Level(parent);
  const cteList = addCtes(resolver, child(raw, 'withClause'), level);
  const target = addTarget(resolver, child(raw, 'relation') ?? {}, level);
  const named = children(raw, 'cols').map((column) => text(column, 'ResTarget', 'name'));
  const into = named.length > 0 ? named : target.table.columns.filter((c) => !c.hidden).map((c) => c.name);
  const given = insertedValues(resolver, child(raw, 'selectStmt'), level);
  const targetList = given.map((value, i) => targetEntry(value, attributeOf(target, into[i] ?? ''), null));
  level.visible = [target.range];
  const onConflict = conflict(
    resolver,
    child(raw, 'onConflictClause'),
    child(raw, 'relation') ?? {},
    target,
    level,
  );
  level.visible = [target.range];
  const returningList = returning(resolver, raw, level);
  return queryNode(level, {
    commandType: insert,
    resultRelation: 1,
    cteList,
    targetList,
    returningList,
    onConflict,
    jointree: node('FROMEXPR', { fromlist: [], quals: null }),
  });
}

/** What is put into the columns: the values of one row, or variables over several rows or a query. */
function insertedValues(resolver: Resolver, source: RawNode | undefined, level: Level): readonly TreeNode[] {
  const select = child(source, 'SelectStmt');
  if (!select) return [];
  const plain =
    select['valuesLists'] && !select['withClause'] && !select['sortClause'] && !select['limitCount'];
  if (!plain) {
    const subquery = resolver.query({ SelectStmt: select }, level);
    const columns = outputColumns(subquery, resolver.catalog);
    return variables(columns, level.add(node('RANGETBLENTRY', { rtekind: 1, subquery })));
  }
  const rows = valueRows(resolver, select, level);
  if (rows.length === 1 && rows[0]) return rows[0];
  const rtindex = level.add(node('RANGETBLENTRY', { rtekind: 5, values_lists: rows }));
  return variables(
    (rows[0] ?? []).map(() => ({ name: undefined, type: 0 })),
    rtindex,
  );
}

const variables = (columns: readonly Pick<RangeColumn, 'name' | 'type'>[], varno: number) =>
  columns.map((column, i) => variable({ ...column, varno, attribute: i + 1 }, 0, 0));

function conflict(
  resolver: Resolver,
  raw: RawNode | undefined,
  relation: RawNode,
  target: Target,
  level: Level,
): TreeNode | null {
  if (!raw) return null;
  const excluded = addTarget(resolver, relation, level, 'excluded');
  level.visible = [target.range, { tables: excluded.range.tables, columns: [] }];
  const where = child(raw, 'whereClause');
  return node('ONCONFLICTEXPR', {
    onConflictSet: assignments(resolver, children(raw, 'targetList'), target, level),
    onConflictWhere: where ? resolver.expression(where, level) : null,
  });
}

export function resolveUpdate(resolver: Resolver, raw: RawNode, parent: Level | undefined): TreeNode {
  const level = new Level(parent);
  const cteList = addCtes(resolver, child(raw, 'withClause'), level);
  const target = addTarget(resolver, child(raw, 'relation') ?? {}, level);
  const first = [{ node: reference(1), range: target.range }];
  const jointree = joinTree(resolver, level, children(raw, 'fromClause'), child(raw, 'whereClause'), first);
  const targetList = assignments(resolver, children(raw, 'targetList'), target, level);
  const returningList = returning(resolver, raw, level);
  return queryNode(level, {
    commandType: update,
    resultRelation: 1,
    cteList,
    jointree,
    targetList,
    returningList,
  });
}

export function resolveDelete(resolver: Resolver, raw: RawNode, parent: Level | undefined): TreeNode {
  const level = new Level(parent);
  const cteList = addCtes(resolver, child(raw, 'withClause'), level);
  const target = addTarget(resolver, child(raw, 'relation') ?? {}, level);
  const first = [{ node: reference(1), range: target.range }];
  const jointree = joinTree(resolver, level, children(raw, 'usingClause'), child(raw, 'whereClause'), first);
  const returningList = returning(resolver, raw, level);
  return queryNode(level, { commandType: deletion, resultRelation: 1, cteList, jointree, returningList });
}

/** The assignments of SET; `(a, b) = (x, y)` is two. */
function assignments(resolver: Resolver, raw: readonly RawNode[], target: Target, level: Level): TreeNode[] {
  return raw.map((item) => {
    const entry = child(item, 'ResTarget');
    const several = child(entry, 'val', 'MultiAssignRef');
    const fields = children(several, 'source', 'RowExpr', 'args');
    const value = several ? fields[Number(several['colno'] ?? 1) - 1] : child(entry, 'val');
    const expression = value
      ? resolver.expression(value, level)
      : opaque(resolver.expression(child(several, 'source'), level));
    return targetEntry(expression, attributeOf(target, text(entry, 'name')), null);
  });
}
