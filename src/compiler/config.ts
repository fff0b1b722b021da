import type { Dialect } from './source/read-queries.ts';
import type { SourceFile } from './source/source-file.ts';
import type { TypeChoices, TypeOverride } from './types/type-use.ts';

/** An override of one column or parameter. */
export interface ColumnOverride extends TypeOverride {
  readonly nullable?: boolean | undefined;
  /** Dimensions of an array; PostgreSQL does not fix them. */
  readonly dimensions?: number | undefined;
}

/** Says more of a value than whether it can be null. */
export function hasType(override: ColumnOverride): boolean {
  return [override.as, override.type, override.codec, override.zod].some((part) => part !== undefined);
}

/** Where the files of a target are, relative to the configuration file. */
export interface TargetPaths {
  /** Folders or files. */
  readonly queries: readonly string[];
  readonly schema: readonly string[];
  readonly out: string;
  /** A module of rules of the user's own. */
  readonly rules?: string | undefined;
}

/** One folder of queries and where its modules go. */
export interface CompileTarget extends TypeChoices, TargetPaths {
  /** Ending of modules that stand beside their .sql files, in place of `out`. */
  readonly beside?: string | undefined;
  /** Module that generated code imports; relative ones are relative to `out`. */
  readonly runtime: string;
  /** How generated modules import each other: `.ts`, `.js` or nothing. */
  readonly importExtension: '.ts' | '.js' | '';
  /** How the query files are annotated; `auto` looks. */
  readonly dialect: Dialect;
  /** Write a module of zod schemas beside each module. */
  readonly zod: boolean;
  /** Give rows the type of their table, where a query returns whole rows of one. */
  readonly tableTypes: boolean;
  /** Tables large enough that a full scan is a lint. */
  readonly largeTables: readonly string[];
  /** The configuration file, for what is said of it. */
  readonly source: SourceFile;
  /** Field names by name of column or parameter, in place of the camelCase one. */
  readonly rename: Readonly<Record<string, string>>;
  /** Tables so often inserted into that a sequential key is a lint. */
  readonly hotTables: readonly string[];
  readonly columns: Readonly<Record<string, ColumnOverride>>;
  readonly queriesOverrides: Readonly<Record<string, Readonly<Record<string, ColumnOverride>>>>;
  /** The field of a column or parameter. */
  fieldOf(name: string): string;
  /** The override of a column or parameter: by query first, then by `schema.table.column`. */
  overrideFor(query: string, name: string, column: string | undefined): ColumnOverride | undefined;
}

export interface CompileConfig {
  /** Folder that every path is relative to. */
  readonly root: string;
  /** The file's text: part of what outputs depend on. */
  readonly text: string;
  readonly path: string;
  targets(): Promise<readonly CompileTarget[]>;
  /**
   * Where the files are, read without judging the rest: enough to find that nothing changed, since a manifest
   * holds the digest of a configuration that was judged. Undefined when it cannot be read so.
   */
  paths(): readonly TargetPaths[] | undefined;
}
