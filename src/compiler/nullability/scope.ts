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
  commandSelect,
  flag,
  givesOneRow,
  joinFull,
  joinLeft,
  joinRight,
  rteSubquery,
  rteValues,
} from './query-tree.ts';

/** One query level with what is known inside it. */
export class Scope {
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
  /** Outer joins that match every row. */
  readonly neverPads = new Set<number>();
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

  /** What `work` gives where a row is known to meet a condition, which `learn` notes. */
  knowing<T>(learn: () => void, work: () => T): T {
    const proven = [...this.proven];
    const matched = [...this.matched];
    learn();
    try {
      return work();
    } finally {
      this.proven.clear();
      for (const [key, why] of proven) this.proven.set(key, why);
      this.matched.clear();
      for (const join of matched) this.matched.add(join);
    }
  }

  command(): number {
    return numberOf(this.query.fields['commandType']);
  }
}

export function walkJoins(node: TreeNode, nulling: ReadonlySet<number>, scope: Scope): void {
  if (node.type === 'RANGETBLREF') scope.nulledBy.set(numberOf(node.fields['rtindex']), new Set(nulling));
  else if (node.type === 'FROMEXPR')
    for (const item of nodesOf(node.fields['fromlist'])) walkJoins(item, nulling, scope);
  else if (node.type === 'JOINEXPR') {
    const kind = numberOf(node.fields['jointype']);
    const index = numberOf(node.fields['rtindex']);
    const nulled = new Set(nulling).add(index);
    scope.joins.set(index, kind);
    scope.nulledBy.set(index, new Set(nulling));
    const padded = { [joinLeft]: node.fields['rarg'], [joinRight]: node.fields['larg'] }[kind];
    if (isTrue(node.fields['quals']) && isNode(padded) && alwaysHasRow(padded, scope))
      scope.neverPads.add(index);
    const left = kind === joinRight || kind === joinFull ? nulled : nulling;
    const right = kind === joinLeft || kind === joinFull ? nulled : nulling;
    if (isNode(node.fields['larg'])) walkJoins(node.fields['larg'], left, scope);
    if (isNode(node.fields['rarg'])) walkJoins(node.fields['rarg'], right, scope);
  }
}

const isTrue = (quals: TreeValue | undefined) =>
  isNode(quals) &&
  quals.type === 'CONST' &&
  !flag(quals.fields['constisnull']) &&
  numberOf(listOf(quals.fields['constvalue'])[2]) === 1;

/** Whether a FROM item gives at least one row for whatever is to its left. */
function alwaysHasRow(item: TreeNode, scope: Scope): boolean {
  if (item.type !== 'RANGETBLREF') return false;
  const rte = scope.rte(numberOf(item.fields['rtindex']));
  const kind = numberOf(rte?.fields['rtekind']);
  const subquery = rte?.fields['subquery'];
  return kind === rteValues || (kind === rteSubquery && isNode(subquery) && givesOneRow(subquery));
}

/** Outer joins (and grouping sets) that may null a variable and are not known to have matched. */
export function nulling(node: TreeNode, scope: Scope, from: Scope): number[] {
  const f = node.fields;
  const varno = numberOf(f['varno']);
  const marked = 'varnullingrels' in f ? setOf(f['varnullingrels']) : [...(scope.nulledBy.get(varno) ?? [])];
  return marked.filter(
    (index) => !scope.neverPads.has(index) && (!scope.matched.has(index) || scope !== from),
  );
}

/** Visible outputs: the target list of a SELECT, the RETURNING list of the rest. */
export function targets(scope: Scope): readonly TreeNode[] {
  const list =
    scope.command() === commandSelect
      ? scope.query.fields['targetList']
      : scope.query.fields['returningList'];
  return nodesOf(list).filter((entry) => !flag(entry.fields['resjunk']));
}
