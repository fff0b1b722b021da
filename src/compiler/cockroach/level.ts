import type { TreeNode } from '../engine/node-tree.ts';
import { node } from './nodes.ts';
import { UnresolvedError } from './unresolved.ts';

/** A column that a name can mean. */
export interface RangeColumn {
  /** Undefined when it is not known how the engine calls it. */
  readonly name: string | undefined;
  readonly varno: number;
  readonly attribute: number;
  readonly type: number;
  /** Named only when asked for: CockroachDB's rowid and the like. */
  readonly hidden?: boolean;
}

/** What stands behind a table's name or alias. */
export interface RangeTable {
  readonly alias: string;
  readonly schema?: string | undefined;
  readonly columns: readonly RangeColumn[];
}

/** An item of FROM: names that can qualify a column, and columns that need no qualifier. */
export interface Range {
  readonly tables: readonly RangeTable[];
  readonly columns: readonly RangeColumn[];
}

/** A CTE that a query can name. */
export interface KnownCte {
  readonly name: string;
  readonly columns: readonly { readonly name: string | undefined; readonly type: number }[];
}

/** One query level while it is resolved: its range table, and what names mean in it. */
export class Level {
  readonly parent: Level | undefined;
  readonly rtable: TreeNode[] = [];
  readonly ctes: KnownCte[] = [];
  visible: readonly Range[] = [];
  hasAggregates = false;

  constructor(parent: Level | undefined) {
    this.parent = parent;
  }

  /** Adds a range table entry and gives its number. */
  add(entry: TreeNode): number {
    this.rtable.push(entry);
    return this.rtable.length;
  }

  /** Does `work` while only `ranges` can be named. */
  seeing<T>(ranges: readonly Range[], work: () => T): T {
    const before = this.visible;
    this.visible = ranges;
    try {
      return work();
    } finally {
      this.visible = before;
    }
  }
}

export function variable(column: RangeColumn, levelsUp: number, location: number): TreeNode {
  return node('VAR', {
    varno: column.varno,
    varattno: column.attribute,
    vartype: column.type,
    varlevelsup: levelsUp,
    location,
  });
}

function only<T>(found: readonly T[], what: string): T | undefined {
  if (found.length > 1) throw new UnresolvedError(`${what} is ambiguous`);
  return found[0];
}

/** The variable that a column's name stands for, at the nearest level that knows it; undefined when none does. */
export function findColumn(level: Level, name: string, location: number): TreeNode | undefined {
  let at: Level | undefined = level;
  for (let up = 0; at; up++, at = at.parent) {
    const columns = at.visible.flatMap((range) => range.columns);
    const found = only(
      columns.filter((column) => column.name === name),
      name,
    );
    if (found) return variable(found, up, location);
    if (columns.some((column) => column.name === undefined))
      throw new UnresolvedError(`${name} may be a column without a known name`);
  }
  return undefined;
}

/** The table that a qualifier stands for, and how many levels up it is. */
export function findTable(level: Level, qualifier: readonly string[]): { table: RangeTable; up: number } {
  const alias = qualifier.at(-1)!;
  const schema = qualifier.at(-2);
  let at: Level | undefined = level;
  for (let up = 0; at; up++, at = at.parent) {
    const table = only(
      at.visible
        .flatMap((range) => range.tables)
        .filter((item) => item.alias === alias && (schema === undefined || item.schema === schema)),
      alias,
    );
    if (table) return { table, up };
  }
  throw new UnresolvedError(`${alias} is no known table`);
}

export function findQualified(
  level: Level,
  qualifier: readonly string[],
  name: string,
  location: number,
): TreeNode {
  const { table, up } = findTable(level, qualifier);
  const found = only(
    table.columns.filter((column) => column.name === name),
    name,
  );
  if (!found) throw new UnresolvedError(`${qualifier.join('.')}.${name} is no known column`);
  return variable(found, up, location);
}

export function findCte(level: Level, name: string): { cte: KnownCte; up: number } | undefined {
  let at: Level | undefined = level;
  for (let up = 0; at; up++, at = at.parent) {
    const cte = at.ctes.find((candidate) => candidate.name === name);
    if (cte) return { cte, up };
  }
  return undefined;
}
