import type { TreeNode } from '../engine/node-tree.ts';
import type { Level } from './level.ts';
import { node } from './nodes.ts';

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
