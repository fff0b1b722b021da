import type { Catalog } from '../engine/catalog.ts';
import { isNode, nodesOf, numberOf, setOf, type TreeNode, type TreeValue } from '../engine/node-tree.ts';
import { flag, joinFull, joinInner, joinLeft, joinRight, rteJoin } from './query-tree.ts';
import type { Scope } from './scope.ts';

/** What every surviving row satisfies: WHERE, and ON of inner joins that are under no outer join. */
export function facts(catalog: Catalog, node: TreeNode, scope: Scope, surviving: boolean): void {
  if (!surviving) return;
  if (node.type === 'FROMEXPR') {
    for (const item of nodesOf(node.fields['fromlist'])) facts(catalog, item, scope, true);
    assume(catalog, node.fields['quals'], scope);
  } else if (node.type === 'JOINEXPR') {
    const kind = numberOf(node.fields['jointype']);
    if (isNode(node.fields['larg']))
      facts(catalog, node.fields['larg'], scope, kind === joinInner || kind === joinLeft);
    if (isNode(node.fields['rarg']))
      facts(catalog, node.fields['rarg'], scope, kind === joinInner || kind === joinRight);
    if (kind === joinInner) assume(catalog, node.fields['quals'], scope);
  }
}

/** `condition` is not TRUE: of `x IS NULL` it follows that x is not null. */
export function assumeNot(catalog: Catalog, condition: TreeNode, scope: Scope): void {
  const f = condition.fields;
  if (condition.type === 'NULLTEST' && numberOf(f['nulltesttype']) === 0 && !flag(f['argisrow'])) {
    if (isNode(f['arg'])) nonNull(catalog, f['arg'], scope);
  } else if (condition.type === 'BOOLEXPR' && f['boolop'] === 'or')
    for (const arg of nodesOf(f['args'])) assumeNot(catalog, arg, scope);
}

/** `condition` is TRUE for every row that survives. */
export function assume(catalog: Catalog, condition: TreeValue | undefined, scope: Scope): void {
  if (!isNode(condition)) {
    for (const item of nodesOf(condition)) assume(catalog, item, scope);
    return;
  }
  const f = condition.fields;
  const args = nodesOf(f['args']);
  switch (condition.type) {
    case 'BOOLEXPR':
      if (f['boolop'] === 'and') for (const arg of args) assume(catalog, arg, scope);
      else if (f['boolop'] === 'not') for (const arg of args) nonNull(catalog, arg, scope);
      return;
    case 'NULLTEST':
      if (numberOf(f['nulltesttype']) === 1 && !flag(f['argisrow']) && isNode(f['arg']))
        nonNull(catalog, f['arg'], scope);
      return;
    case 'BOOLEANTEST':
      // IS TRUE, IS FALSE, IS NOT UNKNOWN
      if ([0, 2, 5].includes(numberOf(f['booltesttype'])) && isNode(f['arg']))
        nonNull(catalog, f['arg'], scope);
      return;
    case 'SCALARARRAYOPEXPR':
      // `x = ANY (array)` is TRUE only for a non-null x; `ALL` of an empty array is TRUE for any x.
      if (flag(f['useOr']) && args[0] && isStrict(catalog, f['opfuncid'])) nonNull(catalog, args[0], scope);
      return;
    default:
      nonNull(catalog, condition, scope);
  }
}

function isStrict(catalog: Catalog, oid: TreeValue | undefined): boolean {
  return catalog.functions.get(numberOf(oid))?.strict ?? false;
}

/** The value of `node` is not null, so neither are the arguments of strict functions in it. */
export function nonNull(catalog: Catalog, node: TreeNode, scope: Scope): void {
  const f = node.fields;
  switch (node.type) {
    case 'VAR': {
      if (numberOf(f['varlevelsup']) !== 0) return;
      const varno = numberOf(f['varno']);
      const rte = scope.rte(varno);
      if (numberOf(rte?.fields['rtekind']) === rteJoin) {
        const alias = nodesOf(rte?.fields['joinaliasvars'])[numberOf(f['varattno']) - 1];
        if (alias) nonNull(catalog, alias, scope);
      }
      scope.proven.set(`${varno}.${numberOf(f['varattno'])}`, 'a condition that every row meets');
      // A row of this table is there, so the outer joins that could have nulled it have matched. The two
      // sides of a FULL join are nulled apart, so it tells nothing about other tables.
      for (const join of setOf(f['varnullingrels']).length > 0
        ? setOf(f['varnullingrels'])
        : (scope.nulledBy.get(varno) ?? []))
        if (scope.joins.get(join) !== joinFull) scope.matched.add(join);
      return;
    }
    case 'FUNCEXPR':
      if (isStrict(catalog, f['funcid'])) for (const arg of nodesOf(f['args'])) nonNull(catalog, arg, scope);
      return;
    case 'OPEXPR':
      if (isStrict(catalog, f['opfuncid']))
        for (const arg of nodesOf(f['args'])) nonNull(catalog, arg, scope);
      return;
    case 'NAMEDARGEXPR':
    case 'RELABELTYPE':
    case 'COERCEVIAIO':
    case 'COLLATEEXPR':
    case 'ARRAYCOERCEEXPR':
      if (isNode(f['arg'])) nonNull(catalog, f['arg'], scope);
  }
}
