import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, type RawNode, text } from '../lints/raw-tree.ts';
import { type Level, variable } from './level.ts';
import { node, targetEntry } from './nodes.ts';
import { outputColumns } from './outputs.ts';
import { queryNode } from './query-node.ts';
import type { Resolver } from './resolver.ts';
import { columnType } from './rows.ts';

const operations = ['SETOP_NONE', 'SETOP_UNION', 'SETOP_INTERSECT', 'SETOP_EXCEPT'];

/** UNION and its kin: every arm a subquery of the range table. */
export function setOperation(
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

/** VALUES as a query. */
export function values(
  resolver: Resolver,
  raw: RawNode,
  level: Level,
  tail: Parameters<typeof node>[1],
): TreeNode {
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
