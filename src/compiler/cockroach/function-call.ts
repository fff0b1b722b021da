import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode } from '../lints/raw-tree.ts';

import { functionOid, isAggregate, mayReturnSet } from './functions.ts';
import type { Level } from './level.ts';
import { nearestLevel } from './nearest-level.ts';
import { node, targetEntry } from './nodes.ts';
import type { Resolver } from './resolver.ts';

/** A function, an aggregate, a window function, or one of CockroachDB's expressions that look like one. */
export function functionCall(resolver: Resolver, inner: RawNode, level: Level): TreeNode {
  const path = names(children(inner, 'funcname'));
  const builtin = path.length === 1 || (path.length === 2 && path[0] === 'pg_catalog');
  const name = builtin ? path.at(-1)! : '';
  const args = children(inner, 'args').map((arg) => resolver.expression(arg, level));
  const oid = functionOid(name);
  const [first, second, third] = args;
  if (name === 'ifnull' && args.length === 2) return node('COALESCEEXPR', { args });
  if (name === 'if' && first && second && third && args.length === 3)
    return node('CASEEXPR', {
      arg: null,
      args: [node('CASEWHEN', { expr: first, result: second })],
      defresult: third,
    });
  const filter = child(inner, 'agg_filter');
  const aggfilter = filter ? resolver.expression(filter, level) : null;
  if (child(inner, 'over')) return node('WINDOWFUNC', { winfnoid: oid, args, aggfilter });
  if (isAggregate(name)) {
    const up = args.length === 0 ? 0 : Math.min(...args.map((arg) => nearestLevel(arg) ?? 0));
    let owner: Level | undefined = level;
    for (let i = 0; i < up; i++) owner = owner?.parent;
    if (owner) owner.hasAggregates = true;
    return node('AGGREF', {
      aggfnoid: oid,
      agglevelsup: up,
      aggfilter,
      args: args.map((arg, i) => targetEntry(arg, i + 1, null)),
    });
  }
  return node('FUNCEXPR', {
    funcid: oid,
    funcformat: 0,
    funcretset: mayReturnSet(name),
    funcvariadic: inner['func_variadic'] === true,
    args,
  });
}
