import type { TreeNode } from './node-tree.ts';

/** A type of the database, by name. OIDs are this connection's affair only: no output holds one. */
export interface CatalogType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** base, enum, composite, domain, array, range, multirange, pseudo */
  readonly kind: TypeKind;
  /** Element type of an array. */
  readonly element: number;
  /** What a domain is over. */
  readonly base: number;
  readonly baseTypmod: number;
  readonly notNull: boolean;
  readonly labels: readonly string[];
  /** The composite's table-like description. */
  readonly relation: number;
  /** What stands between the elements of an array of this type. */
  readonly delimiter: string;
}

export type TypeKind = 'base' | 'enum' | 'composite' | 'domain' | 'array' | 'range' | 'pseudo';

export interface CatalogColumn {
  readonly name: string;
  readonly attribute: number;
  readonly typeOid: number;
  readonly typmod: number;
  /** Declared dimensions of an array; PostgreSQL holds no value to them. */
  readonly dimensions: number;
  /** Enforced for every stored row. */
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** What a generated column is computed from: an expression over a row of its table. */
  readonly generated?: TreeNode | undefined;
  /** Not in `*`: CockroachDB's rowid and the like. */
  readonly hidden?: boolean;
  readonly comment: string | undefined;
}

export interface CatalogIndex {
  readonly columns: readonly string[];
  readonly unique: boolean;
  readonly primary: boolean;
  /** Has a WHERE or an expression: proves nothing about rows in general. */
  readonly partial: boolean;
}

export interface CatalogTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'view' | 'materialized view' | 'foreign table' | 'composite';
  readonly columns: readonly CatalogColumn[];
  readonly indexes: readonly CatalogIndex[];
}

export interface CatalogFunction {
  readonly name: string;
  readonly schema: string;
  readonly strict: boolean;
  /** Types of the arguments as declared; none on CockroachDB. */
  readonly args: readonly number[];
}

export interface Catalog {
  readonly types: ReadonlyMap<number, CatalogType>;
  readonly tables: ReadonlyMap<number, CatalogTable>;
  readonly functions: ReadonlyMap<number, CatalogFunction>;
  readonly operators: ReadonlyMap<number, string>;
  /** Queries behind the materialized views, by OID. */
  readonly materialized: ReadonlyMap<number, TreeNode>;
  /** Columns of system tables that are NOT NULL, as `table oid.attribute`. */
  readonly systemNotNull: ReadonlySet<string>;
  readonly dialect: 'postgresql' | 'cockroachdb';
  /** What resolving names by ourselves takes; PostgreSQL does it for us. */
  readonly cockroach?: CockroachNames | undefined;
}

export interface CockroachNames {
  readonly database: string;
  readonly searchPath: readonly string[];
  /** Queries behind the views, by OID. */
  readonly views: ReadonlyMap<number, string>;
  /** Functions, and views with them, whose value depends on the session or the clock. */
  readonly unstable: ReadonlySet<string>;
}
