import type { Diagnostic } from './diagnostic.ts';
import type { TreeNode } from './engine/node-tree.ts';
import type { EngineQuery } from './source/engine-query.ts';
import type { SourceQuery } from './source/query-file.ts';
import type { TypeUse } from './types/type-use.ts';

/** A query of which everything is known that its function needs. */
export interface AnalyzedQuery {
  readonly source: SourceQuery;
  readonly engineQuery: EngineQuery;
  /** What is sent: stars expanded. */
  readonly text: string;
  readonly operation: string;
  readonly collection: string | undefined;
  readonly params: readonly AnalyzedParam[];
  readonly columns: readonly AnalyzedColumn[];
  /** Runs of columns that are objects of their own, from sqlc.embed. */
  readonly embeds: readonly AnalyzedEmbed[];
  /** The type of a table's rows, where the query returns just these and the configuration asks for it. */
  readonly row?: TypeUse | undefined;
  /** PostgreSQL's rewritten tree, where the engine gave one. */
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

/** One file of queries with everything found in it. */
export interface AnalyzedFile {
  readonly path: string;
  readonly queries: readonly AnalyzedQuery[];
  readonly diagnostics: readonly Diagnostic[];
}
