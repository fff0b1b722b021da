import type { TreeNode } from './engine/node-tree.ts';
import type { EngineQuery } from './source/engine-query.ts';
import type { TypeUse } from './types/type-use.ts';

/**
 * What the engine's answer made of a query: with the query as it is written, all that its function needs. It is kept between
 * runs.
 */
export interface Answer {
  /** What is sent: stars expanded. */
  readonly text: string;
  readonly params: readonly AnalyzedParam[];
  readonly columns: readonly AnalyzedColumn[];
  /** Runs of columns that are objects of their own, from sqlc.embed. */
  readonly embeds: readonly AnalyzedEmbed[];
  /** The type of a table's rows, where the query returns just these and the configuration asks for it. */
  readonly row?: TypeUse | undefined;
}

/** A query of which everything is known. */
export interface AnalyzedQuery extends Answer {
  readonly engineQuery: EngineQuery;
  /** Of the analysed statement, where there is one: for lints, and for no longer than they run. */
  readonly tree: TreeNode | undefined;
}

export interface AnalyzedParam {
  readonly field: string;
  readonly sqlType: string;
  readonly use: TypeUse;
  readonly nullable: boolean;
  /** An array that may hold NULL. */
  readonly elementsNullable: boolean;
  readonly reason: string;
  /** Used in optional parts only: may be left out. */
  readonly optional: boolean;
}

export interface AnalyzedColumn {
  readonly name: string;
  readonly field: string;
  readonly sqlType: string;
  readonly use: TypeUse;
  readonly nullable: boolean;
  /** Why it can or cannot be null. */
  readonly reason: string;
  /** Where sources disagree, what each of them says. */
  readonly disagreement?: string | undefined;
  readonly doc?: string | undefined;
}

export interface AnalyzedEmbed {
  readonly field: string;
  /** Index of the first column, and of the one after the last. */
  readonly from: number;
  readonly to: number;
  /** The embedded row may be missing as a whole. */
  readonly nullable: boolean;
  /** As the query's own. */
  readonly row?: TypeUse | undefined;
}
