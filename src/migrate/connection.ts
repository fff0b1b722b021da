import type { Executor } from '../query/index.ts';

/** One connection that migrations run on. Statements go one at a time. */
export interface MigrationConnection extends Executor {
  readonly engine: 'postgresql' | 'cockroachdb';
  close(): Promise<void>;
}

/** Where migrations get their connections: one for the work, one to renew the lock meanwhile. */
export interface MigrationTarget {
  open(): Promise<MigrationConnection>;
}

/** What `migrate` and its like take: a URL, something that has one (a `Database`), or a source of connections. */
export type MigrationPlace = string | { readonly url: string } | MigrationTarget;
