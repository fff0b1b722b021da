import type { Catalog } from '../engine/catalog.ts';
import {
  isNode,
  listOf,
  nodesOf,
  numberOf,
  setOf,
  type TreeNode,
  type TreeValue,
} from '../engine/node-tree.ts';
import {
  collectingAggregates,
  countingWindows,
  plainAggregates,
  trustFunction,
  trustOperator,
} from './trusted-functions.ts';

/** A verdict and why. `nullable: false` is a proof; `nullable: true` means only that there is none. */
export interface Verdict {
  readonly nullable: boolean;
  readonly reason: string;
}

/** An expression and the query level that it stands in. */
export interface Located {
  readonly node: TreeNode;
  readonly scope: object;
}

/** What the prover may assume about the statement's parameters. */
export interface ParameterFacts {
  /** Parameter n (from 1) may be null. */
  nullable(n: number): boolean;
}

const no = (reason: string): Verdict => ({ nullable: false, reason });
const yes = (reason: string): Verdict => ({ nullable: true, reason });

const rteRelation = 0;
const rteSubquery = 1;
const rteJoin = 2;
const rteFunction = 3;
const rteValues = 5;
const rteCte = 6;
const rteGroup = 9;

const joinInner = 0;
const joinLeft = 1;
const joinFull = 2;
const joinRight = 3;

const commandSelect = 1;
const commandUpdate = 2;
const commandInsert = 3;
const commandMerge = 5;

/** One query level with what is known inside it. */
class Scope {
  readonly query: TreeNode;
  readonly parent: Scope | undefined;
  readonly rtable: readonly TreeNode[];
  /** Outer joins that can null each range table entry, by what the FROM clause says. */
  readonly nulledBy = new Map<number, Set<number>>();
  /** Kind of each join, by its range table index. */
  readonly joins = new Map<number, number>();
  /** `varno.varattno` that a surviving row has non-null. */
  readonly proven = new Map<string, string>();
  /** Outer joins that a surviving row shows to have matched. */
  readonly matched = new Set<number>();
  /** Which columns of recursive CTEs are non-null, so far as is assumed. */
  readonly assumed = new Map<TreeNode, boolean[]>();
  readonly children = new Map<TreeNode, Scope>();

  constructor(query: TreeNode, parent: Scope | undefined) {
    this.query = query;
    this.parent = parent;
    this.rtable = nodesOf(query.fields['rtable']);
  }

  up(levels: number): Scope {
    let scope: Scope = this;
    for (let i = 0; i < levels; i++) if (scope.parent) scope = scope.parent;
    return scope;
  }

  rte(index: number): TreeNode | undefined {
    return this.rtable[index - 1];
  }

  command(): number {
    return numberOf(this.query.fields['commandType']);
  }
}

function aliasOf(rte: TreeNode | undefined): string {
  const eref = rte?.fields['eref'];
  return isNode(eref) && typeof eref.fields['aliasname'] === 'string' ? eref.fields['aliasname'] : '?';
}

const flag = (value: TreeValue | undefined) => value === 'true';
const named = (value: TreeValue | undefined) => (typeof value === 'string' ? value : '');

/**
 * Proves columns non-null from PostgreSQL's own rewritten query tree, in which every name is resolved,
 * every view is expanded, and every variable carries the outer joins that can null it. Only what follows
 * from a constraint, a join's kind, a surviving WHERE clause or a trusted function is called non-null;
 * anything the prover does not know is nullable.
 */
export class Prover {
  readonly #catalog: Catalog;
  readonly #params: ParameterFacts;

  constructor(catalog: Catalog, params: ParameterFacts) {
    this.#catalog = catalog;
    this.#params = params;
  }

  /** Verdicts for the output columns of a statement, in order. */
  columns(query: TreeNode): Verdict[] {
    return this.#outputs(this.#scope(query, undefined));
  }

  /** The i-th output expression with where it stands, for those who look at more than nullability. */
  locate(query: TreeNode, i: number): Located | undefined {
    if (isNode(query.fields['setOperations'])) return undefined;
    const scope = this.#scope(query, undefined);
    const expression = targets(scope)[i]?.fields['expr'];
    return isNode(expression) ? { node: expression, scope } : undefined;
  }

  verdict({ node, scope }: Located): Verdict {
    return this.#prove(node, scope as Scope);
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
      inner = this.#scope(node.fields['subselect'], scope);
    else if (node.type === 'VAR') {
      const at = scope.up(numberOf(node.fields['varlevelsup']));
      const rte = at.rte(numberOf(node.fields['varno']));
      index = numberOf(node.fields['varattno']) - 1;
      const group = nodesOf(rte?.fields['groupexprs'])[index];
      if (numberOf(rte?.fields['rtekind']) === rteGroup && group)
        return this.follow({ node: group, scope: at });
      if (isNode(rte?.fields['subquery'])) inner = this.#scope(rte.fields['subquery'], at);
      else if (numberOf(rte?.fields['rtekind']) === rteCte && rte) {
        const owner = at.up(numberOf(rte.fields['ctelevelsup']));
        const cte = nodesOf(owner.query.fields['cteList']).find(
          (item) => item.fields['ctename'] === rte.fields['ctename'],
        );
        const query = cte?.fields['ctequery'];
        if (isNode(query) && !flag(cte?.fields['cterecursive'])) inner = this.#scope(query, owner);
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
    const scope = this.#scope(query, undefined);
    const expression = targets(scope)[i]?.fields['expr'];
    const plain = { missing: false, inner: this.#output(scope, i) };
    if (!isNode(expression) || expression.type !== 'VAR' || isNode(query.fields['setOperations']))
      return plain;
    const varno = numberOf(expression.fields['varno']);
    const rte = scope.rte(varno);
    const nulling = this.#nulling(expression, scope, scope).length > 0;
    if (!nulling || !rte) return plain;
    return { missing: true, inner: this.#column(rte, numberOf(expression.fields['varattno']), scope, varno) };
  }

  #outputs(scope: Scope): Verdict[] {
    return targets(scope).map((_, i) => this.#output(scope, i));
  }

  /** The i-th visible output column of a query level. */
  #output(scope: Scope, i: number): Verdict {
    const operations = scope.query.fields['setOperations'];
    if (isNode(operations)) return this.#setOperation(operations, i, scope);
    const entries = targets(scope);
    const entry = entries[i];
    const expression = entry?.fields['expr'];
    if (!isNode(expression)) return yes('the expression is not known');
    if (returnsSet(expression)) {
      const several =
        entries.filter((other) => isNode(other.fields['expr']) && returnsSet(other.fields['expr'])).length >
        1;
      const name = this.#functionName(expression);
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
    return this.#prove(expression, scope);
  }

  #scope(query: TreeNode, parent: Scope | undefined): Scope {
    const known = parent?.children.get(query);
    if (known) return known;
    const scope = new Scope(query, parent);
    parent?.children.set(query, scope);
    const tree = query.fields['jointree'];
    if (isNode(tree)) {
      this.#walkJoins(tree, new Set(), scope);
      this.#facts(tree, scope, true);
    }
    return scope;
  }

  #walkJoins(node: TreeNode, nulling: ReadonlySet<number>, scope: Scope): void {
    if (node.type === 'RANGETBLREF') scope.nulledBy.set(numberOf(node.fields['rtindex']), new Set(nulling));
    else if (node.type === 'FROMEXPR')
      for (const item of nodesOf(node.fields['fromlist'])) this.#walkJoins(item, nulling, scope);
    else if (node.type === 'JOINEXPR') {
      const kind = numberOf(node.fields['jointype']);
      const index = numberOf(node.fields['rtindex']);
      const nulled = new Set(nulling).add(index);
      scope.joins.set(index, kind);
      scope.nulledBy.set(index, new Set(nulling));
      const left = kind === joinRight || kind === joinFull ? nulled : nulling;
      const right = kind === joinLeft || kind === joinFull ? nulled : nulling;
      if (isNode(node.fields['larg'])) this.#walkJoins(node.fields['larg'], left, scope);
      if (isNode(node.fields['rarg'])) this.#walkJoins(node.fields['rarg'], right, scope);
    }
  }

  /** What every surviving row satisfies: WHERE, and ON of inner joins that are under no outer join. */
  #facts(node: TreeNode, scope: Scope, surviving: boolean): void {
    if (!surviving) return;
    if (node.type === 'FROMEXPR') {
      for (const item of nodesOf(node.fields['fromlist'])) this.#facts(item, scope, true);
      this.#assume(node.fields['quals'], scope);
    } else if (node.type === 'JOINEXPR') {
      const kind = numberOf(node.fields['jointype']);
      if (isNode(node.fields['larg']))
        this.#facts(node.fields['larg'], scope, kind === joinInner || kind === joinLeft);
      if (isNode(node.fields['rarg']))
        this.#facts(node.fields['rarg'], scope, kind === joinInner || kind === joinRight);
      if (kind === joinInner) this.#assume(node.fields['quals'], scope);
    }
  }

  /** `condition` is TRUE for every row that survives. */
  #assume(condition: TreeValue | undefined, scope: Scope): void {
    if (!isNode(condition)) {
      for (const item of nodesOf(condition)) this.#assume(item, scope);
      return;
    }
    const f = condition.fields;
    const args = nodesOf(f['args']);
    switch (condition.type) {
      case 'BOOLEXPR':
        if (f['boolop'] === 'and') for (const arg of args) this.#assume(arg, scope);
        else if (f['boolop'] === 'not') for (const arg of args) this.#nonNull(arg, scope);
        return;
      case 'NULLTEST':
        if (numberOf(f['nulltesttype']) === 1 && !flag(f['argisrow']) && isNode(f['arg']))
          this.#nonNull(f['arg'], scope);
        return;
      case 'BOOLEANTEST':
        // IS TRUE, IS FALSE, IS NOT UNKNOWN
        if ([0, 2, 5].includes(numberOf(f['booltesttype'])) && isNode(f['arg']))
          this.#nonNull(f['arg'], scope);
        return;
      case 'SCALARARRAYOPEXPR':
        // `x = ANY (array)` is TRUE only for a non-null x; `ALL` of an empty array is TRUE for any x.
        if (flag(f['useOr']) && args[0] && this.#strict(f['opfuncid'])) this.#nonNull(args[0], scope);
        return;
      default:
        this.#nonNull(condition, scope);
    }
  }

  #strict(oid: TreeValue | undefined): boolean {
    return this.#catalog.functions.get(numberOf(oid))?.strict ?? false;
  }

  /** The value of `node` is not null, so neither are the arguments of strict functions in it. */
  #nonNull(node: TreeNode, scope: Scope): void {
    const f = node.fields;
    switch (node.type) {
      case 'VAR': {
        if (numberOf(f['varlevelsup']) !== 0) return;
        const varno = numberOf(f['varno']);
        const rte = scope.rte(varno);
        if (numberOf(rte?.fields['rtekind']) === rteJoin) {
          const alias = nodesOf(rte?.fields['joinaliasvars'])[numberOf(f['varattno']) - 1];
          if (alias) this.#nonNull(alias, scope);
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
        if (this.#strict(f['funcid'])) for (const arg of nodesOf(f['args'])) this.#nonNull(arg, scope);
        return;
      case 'OPEXPR':
        if (this.#strict(f['opfuncid'])) for (const arg of nodesOf(f['args'])) this.#nonNull(arg, scope);
        return;
      case 'RELABELTYPE':
      case 'COERCEVIAIO':
      case 'COLLATEEXPR':
      case 'ARRAYCOERCEEXPR':
        if (isNode(f['arg'])) this.#nonNull(f['arg'], scope);
    }
  }

  #setOperation(node: TreeNode, i: number, scope: Scope): Verdict {
    if (node.type === 'RANGETBLREF') {
      const subquery = scope.rte(numberOf(node.fields['rtindex']))?.fields['subquery'];
      return isNode(subquery)
        ? this.#output(this.#scope(subquery, scope), i)
        : yes('an arm of the set operation is not known');
    }
    const left = isNode(node.fields['larg']) ? this.#setOperation(node.fields['larg'], i, scope) : yes('?');
    const right = isNode(node.fields['rarg']) ? this.#setOperation(node.fields['rarg'], i, scope) : yes('?');
    // 1 UNION, 2 INTERSECT, 3 EXCEPT
    switch (numberOf(node.fields['op'])) {
      case 2:
        return !left.nullable ? left : right;
      case 3:
        return left;
      default:
        if (left.nullable) return left;
        return right.nullable ? right : no(`every arm of the UNION: ${left.reason}; ${right.reason}`);
    }
  }

  #functionName(node: TreeNode): string {
    const known = this.#catalog.functions.get(
      numberOf(
        node.fields['funcid'] ??
          node.fields['opfuncid'] ??
          node.fields['aggfnoid'] ??
          node.fields['winfnoid'],
      ),
    );
    return known?.schema === 'pg_catalog' ? known.name : '';
  }

  #all(nodes: readonly TreeNode[], scope: Scope, proof: string): Verdict {
    for (const node of nodes) {
      const verdict = this.#prove(node, scope);
      if (verdict.nullable) return verdict;
    }
    return no(proof);
  }

  #prove(node: TreeNode, scope: Scope): Verdict {
    const f = node.fields;
    const args = nodesOf(f['args']);
    const arg = isNode(f['arg']) ? f['arg'] : undefined;
    switch (node.type) {
      case 'VAR':
        return this.#variable(node, scope);
      case 'CONST':
        return flag(f['constisnull']) ? yes('the constant NULL') : no('a constant');
      case 'PARAM':
        return numberOf(f['paramkind']) === 0 && !this.#params.nullable(numberOf(f['paramid']))
          ? no(`parameter $${numberOf(f['paramid'])} is never null`)
          : yes('the parameter may be null');
      case 'FUNCEXPR': {
        const name = this.#functionName(node);
        const trust = name === '' ? 'unknown' : trustFunction(name, node);
        if (trust === 'never') return no(`${name}() is never null`);
        if (trust === 'as-arguments') return this.#all(args, scope, `${name}() of what is not null`);
        return yes(
          `nothing is known about the function ${this.#catalog.functions.get(numberOf(f['funcid']))?.name ?? ''}`,
        );
      }
      case 'OPEXPR': {
        const operator = this.#catalog.operators.get(numberOf(f['opno'])) ?? '';
        if (this.#functionName(node) === '' || trustOperator(operator, args) === 'unknown')
          return yes(`the operator ${operator} may give NULL`);
        return this.#all(args, scope, `${operator} of what is not null`);
      }
      case 'DISTINCTEXPR':
        return no('IS DISTINCT FROM is never null');
      case 'NULLTEST':
        return no('IS NULL is never null');
      case 'BOOLEANTEST':
        return no('IS TRUE and its kin are never null');
      case 'BOOLEXPR':
        return this.#all(args, scope, 'a logical expression of what is not null');
      case 'COALESCEEXPR':
      case 'COALESCE': {
        for (const option of args) {
          const verdict = this.#prove(option, scope);
          if (!verdict.nullable) return no(`COALESCE ends in what is not null: ${verdict.reason}`);
        }
        return yes('every argument of COALESCE may be null');
      }
      case 'MINMAXEXPR':
      case 'MINMAX': {
        for (const option of args)
          if (!this.#prove(option, scope).nullable) return no('one argument is not null');
        return yes('every argument may be null');
      }
      case 'CASEEXPR':
      case 'CASE': {
        const otherwise = f['defresult'];
        if (!isNode(otherwise)) return yes('CASE without ELSE');
        const results = args.map((when) => when.fields['result']).filter(isNode);
        return this.#all([...results, otherwise], scope, 'every branch of CASE is not null');
      }
      case 'CASETESTEXPR':
        return yes('the tested value may be null');
      case 'RELABELTYPE':
      case 'COERCEVIAIO':
      case 'COLLATEEXPR':
      case 'COLLATE':
      case 'ARRAYCOERCEEXPR':
      case 'CONVERTROWTYPEEXPR':
      case 'COERCETODOMAIN':
        return arg ? this.#prove(arg, scope) : yes('the cast value is not known');
      case 'ARRAYEXPR':
      case 'ARRAY':
        return no('an ARRAY constructor is never null');
      case 'ROWEXPR':
      case 'ROW':
        return no('a ROW constructor is never null');
      case 'SQLVALUEFUNCTION':
        // CURRENT_SCHEMA (op 14) is null without a search path.
        return numberOf(f['op']) < 9
          ? no('the current time is never null')
          : yes('a session value may be null');
      case 'GROUPINGFUNC':
      case 'NEXTVALUEEXPR':
      case 'MERGESUPPORTFUNC':
        return no('never null');
      case 'SUBLINK':
        return this.#sublink(node, scope);
      case 'AGGREF':
        return this.#aggregate(node, scope);
      case 'WINDOWFUNC': {
        const name = this.#functionName(node);
        return countingWindows.has(name) ? no(`${name}() is never null`) : yes('the window may be empty');
      }
      case 'JSONCONSTRUCTOREXPR':
        return [1, 2].includes(numberOf(f['type']))
          ? no('a JSON constructor is never null')
          : yes('the JSON aggregate may see no rows');
      case 'SCALARARRAYOPEXPR':
        return yes('the array may hold a NULL');
      default:
        return yes('no rule proves it');
    }
  }

  #sublink(node: TreeNode, scope: Scope): Verdict {
    const kind = numberOf(node.fields['subLinkType']);
    if (kind === 0) return no('EXISTS is never null');
    if (kind === 6) return no('ARRAY(...) is never null');
    const query = node.fields['subselect'];
    if (kind !== 4 || !isNode(query)) return yes('the subquery may give NULL');
    const f = query.fields;
    const oneRow =
      numberOf(f['commandType']) === commandSelect &&
      f['limitCount'] === null &&
      f['limitOffset'] === null &&
      f['havingQual'] === null &&
      f['setOperations'] === null &&
      listOf(f['groupClause']).length === 0 &&
      listOf(f['groupingSets']).length === 0 &&
      !flag(f['hasTargetSRFs']) &&
      (flag(f['hasAggs']) || isBareSelect(query));
    if (!oneRow) return yes('the subquery may give no row');
    return this.#output(this.#scope(query, scope), 0);
  }

  #aggregate(node: TreeNode, scope: Scope): Verdict {
    const f = node.fields;
    const name = this.#functionName(node);
    if (name === 'count' || name === 'regr_count') return no('count() is never null');
    if (numberOf(f['agglevelsup']) !== 0) return yes('an aggregate of an outer query');
    const grouped =
      listOf(scope.query.fields['groupClause']).length > 0 &&
      listOf(scope.query.fields['groupingSets']).length === 0;
    if (!grouped) return yes(`${name}() over no rows is NULL`);
    if (isNode(f['aggfilter'])) return yes(`${name}() with FILTER may see no rows`);
    if (collectingAggregates.has(name) && !name.endsWith('_strict'))
      return no(`every group has a row for ${name}()`);
    if (!plainAggregates.has(name)) return yes(`nothing is known about the aggregate ${name}`);
    const inputs = nodesOf(f['args'])
      .map((entry) => entry.fields['expr'])
      .filter(isNode);
    return this.#all(inputs, scope, `every group has a row for ${name}(), with a value that is not null`);
  }

  #variable(node: TreeNode, from: Scope): Verdict {
    const f = node.fields;
    const scope = from.up(numberOf(f['varlevelsup']));
    const varno = numberOf(f['varno']);
    const attribute = numberOf(f['varattno']);
    const rte = scope.rte(varno);
    if (!rte) return yes('the table is not known');
    const returning = numberOf(f['varreturningtype'] ?? '0');
    if (returning > 0 && scope.command() !== commandUpdate) return yes('OLD or NEW may be missing');
    const isTarget = numberOf(scope.query.fields['resultRelation']) === varno;
    const changed = isTarget && (scope.command() === commandUpdate || scope.command() === commandInsert);
    const proof = changed ? undefined : scope.proven.get(`${varno}.${attribute}`);
    if (proof && scope === from) return no(proof);
    const marked =
      'varnullingrels' in f ? setOf(f['varnullingrels']) : [...(scope.nulledBy.get(varno) ?? [])];
    const nulling = marked.filter((index) => !scope.matched.has(index) || scope !== from);
    if (nulling.length > 0) {
      const join = nulling.find((index) => scope.joins.has(index));
      if (join === undefined) return yes('grouping sets may leave it out');
      const word =
        { [joinLeft]: 'LEFT', [joinRight]: 'RIGHT', [joinFull]: 'FULL' }[scope.joins.get(join)!] ?? 'outer';
      return yes(`a ${word} JOIN may leave ${aliasOf(rte)} without a row`);
    }
    return this.#column(rte, attribute, scope, varno);
  }

  /** Outer joins (and grouping sets) that may null a variable and are not known to have matched. */
  #nulling(node: TreeNode, scope: Scope, from: Scope): number[] {
    const f = node.fields;
    const varno = numberOf(f['varno']);
    const marked =
      'varnullingrels' in f ? setOf(f['varnullingrels']) : [...(scope.nulledBy.get(varno) ?? [])];
    return marked.filter((index) => !scope.matched.has(index) || scope !== from);
  }

  #column(rte: TreeNode, attribute: number, scope: Scope, varno: number): Verdict {
    const f = rte.fields;
    switch (numberOf(f['rtekind'])) {
      case rteRelation: {
        if (attribute <= 0) return no(attribute === 0 ? 'a whole row' : 'a system column');
        const table = this.#catalog.tables.get(numberOf(f['relid']));
        const column = table?.columns.find((candidate) => candidate.attribute === attribute);
        if (!table || !column) return yes('a column of a system table');
        return column.notNull
          ? no(`${table.name}.${column.name} is NOT NULL`)
          : yes(`${table.name}.${column.name} has no NOT NULL`);
      }
      case rteSubquery:
        return isNode(f['subquery'])
          ? this.#output(this.#scope(f['subquery'], scope), attribute - 1)
          : yes('the subquery is not known');
      case rteJoin: {
        const alias = listOf(f['joinaliasvars'])[attribute - 1];
        if (!isNode(alias)) return yes('the joined column is not known');
        if (alias.type.startsWith('COALESCE') && scope.joins.get(varno) === joinFull) {
          // USING under FULL JOIN: a row has at least one of its sides.
          const sides = nodesOf(alias.fields['args']).map((side) => this.#prove(side, scope));
          return sides.every((side) => !side.nullable)
            ? no('a FULL JOIN has one side or the other')
            : yes('both sides may be null');
        }
        return this.#prove(alias, scope);
      }
      case rteFunction:
        return this.#functionColumn(rte, attribute, scope);
      case rteValues: {
        const rows = listOf(f['values_lists']).map((row) => nodesOf(row)[attribute - 1]);
        if (rows.some((row) => row === undefined)) return yes('a VALUES row is not known');
        return this.#all(rows as TreeNode[], scope, 'every row of VALUES has a value');
      }
      case rteCte:
        return this.#cteColumn(rte, attribute, scope);
      case rteGroup: {
        const expression = nodesOf(f['groupexprs'])[attribute - 1];
        return expression ? this.#prove(expression, scope) : yes('the grouped expression is not known');
      }
      default:
        return yes('no rule for this kind of FROM item');
    }
  }

  #functionColumn(rte: TreeNode, attribute: number, scope: Scope): Verdict {
    const functions = nodesOf(rte.fields['functions']);
    const only = functions[0];
    if (functions.length !== 1 || !only) return yes('ROWS FROM pads the shorter function with NULL');
    const columns = numberOf(only.fields['funccolcount']);
    if (flag(rte.fields['funcordinality']) && attribute === columns + 1) return no('WITH ORDINALITY counts');
    const expression = only.fields['funcexpr'];
    if (!isNode(expression) || columns !== 1) return yes('a column of a function');
    const name = this.#functionName(expression);
    const args = nodesOf(expression.fields['args']);
    if (name === 'unnest' && args[0]) return this.#elements(args[0], scope);
    if (/^jsonb?_(array_elements|object_keys)$/.test(name))
      return this.#all(args, scope, `${name}() gives no NULL`);
    if (returnsSet(expression) && name !== 'generate_series')
      return yes('a set-returning function may give NULL');
    return this.#prove(expression, scope);
  }

  /** Whether the elements of an array can be null. */
  #elements(node: TreeNode, scope: Scope): Verdict {
    if (node.type === 'PARAM') return no('array parameters hold no NULL');
    if (node.type === 'ARRAYEXPR' || node.type === 'ARRAY')
      return this.#all(nodesOf(node.fields['elements']), scope, 'every element is not null');
    if ((node.type === 'RELABELTYPE' || node.type === 'ARRAYCOERCEEXPR') && isNode(node.fields['arg']))
      return this.#elements(node.fields['arg'], scope);
    if (
      node.type === 'SUBLINK' &&
      numberOf(node.fields['subLinkType']) === 6 &&
      isNode(node.fields['subselect'])
    )
      return this.#output(this.#scope(node.fields['subselect'], scope), 0);
    if (node.type === 'AGGREF' && this.#functionName(node) === 'array_agg') {
      const input = nodesOf(node.fields['args'])[0]?.fields['expr'];
      return isNode(input) ? this.#prove(input, scope) : yes('the aggregated value is not known');
    }
    if (node.type === 'COALESCEEXPR' || node.type === 'COALESCE') {
      const options = nodesOf(node.fields['args']).map((option) => this.#elements(option, scope));
      return options.find((option) => option.nullable) ?? no('no option of COALESCE holds a NULL');
    }
    if (node.type === 'CONST')
      return constArrayHasNull(node)
        ? yes('the constant array may hold NULL')
        : no('a constant without NULL');
    return yes('an array may hold NULL elements');
  }

  /** Element nullability of the i-th output, for arrays. */
  elements(query: TreeNode): Verdict[] {
    const scope = this.#scope(query, undefined);
    return targets(scope).map((entry) =>
      isNode(entry.fields['expr']) && !isNode(query.fields['setOperations'])
        ? this.#elements(entry.fields['expr'], scope)
        : yes('an array may hold NULL elements'),
    );
  }

  #cteColumn(rte: TreeNode, attribute: number, scope: Scope): Verdict {
    const owner = scope.up(numberOf(rte.fields['ctelevelsup']));
    const cte = nodesOf(owner.query.fields['cteList']).find(
      (item) => item.fields['ctename'] === rte.fields['ctename'],
    );
    const query = cte?.fields['ctequery'];
    if (!cte || !isNode(query)) return yes('the CTE is not known');
    if (!flag(cte.fields['cterecursive'])) return this.#output(this.#scope(query, owner), attribute - 1);
    const assumed = owner.assumed.get(cte);
    if (assumed)
      return assumed[attribute - 1]
        ? no(`${named(rte.fields['ctename'])} is not null on any turn`)
        : yes('a turn of the recursion may give NULL');
    // Greatest fixed point: suppose every column non-null, drop what a turn refutes, until nothing drops.
    let columns = nodesOf(query.fields['targetList']).map(() => true);
    for (;;) {
      owner.assumed.set(cte, columns);
      const scoped = this.#scope(query, owner);
      const next = columns.map((held, i) => held && !this.#output(scoped, i).nullable);
      if (next.every((held, i) => held === columns[i])) break;
      columns = next;
    }
    owner.assumed.delete(cte);
    return columns[attribute - 1]
      ? no(`no turn of ${named(rte.fields['ctename'])} gives NULL`)
      : yes('a turn of the recursion may give NULL');
  }
}

/** Visible outputs: the target list of a SELECT, the RETURNING list of the rest. */
function targets(scope: Scope): readonly TreeNode[] {
  const list =
    scope.command() === commandSelect
      ? scope.query.fields['targetList']
      : scope.query.fields['returningList'];
  return nodesOf(list).filter((entry) => !flag(entry.fields['resjunk']));
}

function isBareSelect(query: TreeNode): boolean {
  const tree = query.fields['jointree'];
  return isNode(tree) && listOf(tree.fields['fromlist']).length === 0 && tree.fields['quals'] === null;
}

function returnsSet(node: TreeNode): boolean {
  if (flag(node.fields['funcretset']) || flag(node.fields['opretset'])) return true;
  return childNodes(node).some((child) => child.type !== 'QUERY' && returnsSet(child));
}

function mentionsVar(node: TreeNode): boolean {
  return node.type === 'VAR' || childNodes(node).some(mentionsVar);
}

export function childNodes(node: TreeNode): TreeNode[] {
  const found: TreeNode[] = [];
  const visit = (value: TreeValue): void => {
    if (isNode(value)) found.push(value);
    else for (const item of listOf(value)) visit(item);
  };
  for (const value of Object.values(node.fields)) visit(value);
  return found;
}

/** The flags word of an array datum tells whether it has a null bitmap (dataoffset not 0). */
function constArrayHasNull(node: TreeNode): boolean {
  const bytes = listOf(node.fields['constvalue'])
    .map(numberOf)
    .filter((n) => !Number.isNaN(n));
  // [length, varlena header x4, ndim x4, dataoffset x4, ...]
  const offset = bytes.slice(9, 13);
  return offset.length < 4 || offset.some((byte) => byte !== 0);
}
