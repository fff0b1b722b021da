import type { Catalog } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode, type TreeValue } from '../engine/node-tree.ts';
import { elements } from './elements.ts';
import { expression } from './expressions.ts';
import { assume, facts } from './facts.ts';
import { column } from './from-items.ts';
import type { Proof } from './proof.ts';
import { commandMerge, flag, rteCte, rteGroup, rteRelation } from './query-tree.ts';
import { nulling, Scope, targets, walkJoins } from './scope.ts';
import { setOperation } from './set-operations.ts';
import { type ParameterFacts, type Verdict, yes } from './verdict.ts';

/** An expression and the query level that it stands in. */
export interface Located {
  readonly node: TreeNode;
  readonly scope: object;
}

/** A column of a row that is used as one value. */
export interface RowColumn {
  readonly name: string;
  readonly value: Located;
  readonly nullable: boolean;
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

  /** What `work` gives for the rows that an aggregate's FILTER lets through. */
  filtered<T>(filter: TreeValue | undefined, located: Located, work: () => T): T {
    const scope = located.scope as Scope;
    return scope.knowing(() => assume(this.catalog, filter, scope), work);
  }

  /** The type of a row of a table, where an expression is one as a whole. */
  wholeRow(located: Located): number | undefined {
    const { node, scope } = this.follow(located);
    if (node.type !== 'VAR' || numberOf(node.fields['varattno']) !== 0) return undefined;
    const rte = (scope as Scope).up(numberOf(node.fields['varlevelsup'])).rte(numberOf(node.fields['varno']));
    const isTable =
      numberOf(rte?.fields['rtekind']) === rteRelation &&
      this.catalog.tables.get(numberOf(rte?.fields['relid']))?.kind === 'table';
    return isTable ? numberOf(node.fields['vartype']) : undefined;
  }

  /** The columns of a row that a variable stands for as a whole, each as it is when the row is there. */
  rowColumns({ node, scope }: Located): RowColumn[] | undefined {
    // CockroachDB's rows have hidden columns, which nobody tells of.
    if (node.type !== 'VAR' || numberOf(node.fields['varattno']) !== 0) return undefined;
    if (this.catalog.dialect === 'cockroachdb') return undefined;
    const at = (scope as Scope).up(numberOf(node.fields['varlevelsup']));
    const varno = numberOf(node.fields['varno']);
    const rte = at.rte(varno);
    if (!rte) return undefined;
    const table = this.catalog.tables.get(numberOf(rte.fields['relid']));
    const eref = rte.fields['eref'];
    const named = table
      ? table.columns.map(({ name, attribute }) => ({ name, attribute }))
      : listOf(isNode(eref) ? eref.fields['colnames'] : null).map((name, i) => ({
          name: String(name),
          attribute: i + 1,
        }));
    if (at.command() === commandMerge || named.length === 0) return undefined;
    return named.map(({ name, attribute }) => {
      const type = table?.columns.find((known) => known.attribute === attribute);
      const variable: TreeNode = {
        type: 'VAR',
        fields: {
          varno: String(varno),
          varattno: String(attribute),
          varlevelsup: '0',
          vartype: String(type?.typeOid ?? 0),
        },
      };
      return {
        name,
        value: this.follow({ node: variable, scope: at }),
        nullable: column(this, rte, attribute, at, varno).nullable,
      };
    });
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
    if (
      listOf(scope.query.fields['groupingSets']).length > 0 &&
      !flag(scope.query.fields['hasGroupRTE']) &&
      expression.type !== 'AGGREF' &&
      expression.type !== 'GROUPINGFUNC'
    )
      return yes('grouping sets may leave it out');
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

  elementsOf({ node, scope }: Located): Verdict {
    return elements(this, node, scope as Scope);
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
