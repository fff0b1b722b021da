import type { Catalog } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { elements } from './elements.ts';
import { expression } from './expressions.ts';
import { facts } from './facts.ts';
import { column } from './from-items.ts';
import type { Proof } from './proof.ts';
import { commandMerge, flag, functionName, mentionsVar, returnsSet, rteCte, rteGroup } from './query-tree.ts';
import { nulling, Scope, targets, walkJoins } from './scope.ts';
import { setOperation } from './set-operations.ts';
import { type ParameterFacts, type Verdict, yes } from './verdict.ts';

/** An expression and the query level that it stands in. */
export interface Located {
  readonly node: TreeNode;
  readonly scope: object;
}

/**
 * Proves columns non-null from PostgreSQL's own rewritten query tree, in which every name is resolved,
 * every view is expanded, and every variable carries the outer joins that can null it. Only what follows
 * from a constraint, a join's kind, a surviving WHERE clause or a trusted function is called non-null;
 * anything the prover does not know is nullable.
 */
export class Prover implements Proof {
  readonly catalog: Catalog;
  readonly params: ParameterFacts;

  constructor(catalog: Catalog, params: ParameterFacts) {
    this.catalog = catalog;
    this.params = params;
  }

  /** Verdicts for the output columns of a statement, in order. */
  columns(query: TreeNode): Verdict[] {
    return this.#outputs(this.scope(query, undefined));
  }

  /** The i-th output expression with where it stands, for those who look at more than nullability. */
  locate(query: TreeNode, i: number): Located | undefined {
    if (isNode(query.fields['setOperations'])) return undefined;
    const scope = this.scope(query, undefined);
    const expression = targets(scope)[i]?.fields['expr'];
    return isNode(expression) ? { node: expression, scope } : undefined;
  }

  verdict({ node, scope }: Located): Verdict {
    return this.expression(node, scope as Scope);
  }

  /** What a column of a subquery, a CTE, or a scalar subquery is made from; the same when it is neither. */
  follow(located: Located): Located {
    const scope = located.scope as Scope;
    const { node } = located;
    let inner: Scope | undefined;
    let index = 0;
    if (
      node.type === 'SUBLINK' &&
      numberOf(node.fields['subLinkType']) === 4 &&
      isNode(node.fields['subselect'])
    )
      inner = this.scope(node.fields['subselect'], scope);
    else if (node.type === 'VAR') {
      const at = scope.up(numberOf(node.fields['varlevelsup']));
      const rte = at.rte(numberOf(node.fields['varno']));
      index = numberOf(node.fields['varattno']) - 1;
      const group = nodesOf(rte?.fields['groupexprs'])[index];
      if (numberOf(rte?.fields['rtekind']) === rteGroup && group)
        return this.follow({ node: group, scope: at });
      if (isNode(rte?.fields['subquery'])) inner = this.scope(rte.fields['subquery'], at);
      else if (numberOf(rte?.fields['rtekind']) === rteCte && rte) {
        const owner = at.up(numberOf(rte.fields['ctelevelsup']));
        const cte = nodesOf(owner.query.fields['cteList']).find(
          (item) => item.fields['ctename'] === rte.fields['ctename'],
        );
        const query = cte?.fields['ctequery'];
        if (isNode(query) && !flag(cte?.fields['cterecursive'])) inner = this.scope(query, owner);
      }
    }
    if (!inner || isNode(inner.query.fields['setOperations'])) return located;
    const expression = targets(inner)[index]?.fields['expr'];
    return isNode(expression) ? this.follow({ node: expression, scope: inner }) : located;
  }

  /**
   * For a column of an embedded table: whether the table's row may be missing as a whole, and whether the
   * column may be null when it is there.
   */
  embedded(query: TreeNode, i: number): { readonly missing: boolean; readonly inner: Verdict } {
    const scope = this.scope(query, undefined);
    const expression = targets(scope)[i]?.fields['expr'];
    const plain = { missing: false, inner: this.output(scope, i) };
    if (!isNode(expression) || expression.type !== 'VAR' || isNode(query.fields['setOperations']))
      return plain;
    const varno = numberOf(expression.fields['varno']);
    const rte = scope.rte(varno);
    const missing = nulling(expression, scope, scope).length > 0;
    if (!missing || !rte) return plain;
    return { missing: true, inner: column(this, rte, numberOf(expression.fields['varattno']), scope, varno) };
  }

  #outputs(scope: Scope): Verdict[] {
    return targets(scope).map((_, i) => this.output(scope, i));
  }

  /** The i-th visible output column of a query level. */
  output(scope: Scope, i: number): Verdict {
    const operations = scope.query.fields['setOperations'];
    if (isNode(operations)) return setOperation(this, operations, i, scope);
    const entries = targets(scope);
    const entry = entries[i];
    const expression = entry?.fields['expr'];
    if (!isNode(expression)) return yes('the expression is not known');
    if (returnsSet(expression)) {
      const several =
        entries.filter((other) => isNode(other.fields['expr']) && returnsSet(other.fields['expr'])).length >
        1;
      const name = functionName(this.catalog, expression);
      if (several || name !== 'generate_series') return yes('a set-returning function may give NULL');
    }
    if (
      listOf(scope.query.fields['groupingSets']).length > 0 &&
      !flag(scope.query.fields['hasGroupRTE']) &&
      expression.type !== 'AGGREF' &&
      expression.type !== 'GROUPINGFUNC'
    )
      return yes('grouping sets may leave it out');
    if (scope.command() === commandMerge && mentionsVar(expression))
      return yes('MERGE may leave either side empty');
    return this.expression(expression, scope);
  }

  scope(query: TreeNode, parent: Scope | undefined): Scope {
    const known = parent?.children.get(query);
    if (known) return known;
    const scope = new Scope(query, parent);
    parent?.children.set(query, scope);
    const tree = query.fields['jointree'];
    if (isNode(tree)) {
      walkJoins(tree, new Set(), scope);
      facts(this.catalog, tree, scope, true);
    }
    return scope;
  }

  expression(node: TreeNode, scope: Scope): Verdict {
    return expression(this, node, scope);
  }

  /** Element nullability of the i-th output, for arrays. */
  elements(query: TreeNode): Verdict[] {
    const scope = this.scope(query, undefined);
    return targets(scope).map((entry) =>
      isNode(entry.fields['expr']) && !isNode(query.fields['setOperations'])
        ? elements(this, entry.fields['expr'], scope)
        : yes('an array may hold NULL elements'),
    );
  }
}
