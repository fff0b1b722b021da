import type { Attributes } from '@opentelemetry/api';
import type { Executor } from '../query/index.ts';
import type { TransactionBody, TransactOptions } from '../transact/index.ts';
import type { FacePages } from './pages.ts';
import type { FacePart, HistoryEvent } from './part.ts';
import type { Rights } from './rights.ts';

/** What a sweep or a gauge may use. */
export interface UpkeepHost {
  /** Statements whose own conditions make them right; each is given up when it is not answered in time. */
  readonly guarded: Executor;
  /** For gauges that read the program's own tables. */
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
}

/** Deletes or frees what nobody needs any more, page by page. Any number of janitors may run it at once. */
export interface FaceSweep {
  /** Under this name the janitor tells how many rows it was. */
  readonly name: string;
  /** `seldom`: it reads whole tables. Then it runs every `historyIntervalMs`, and after a sweep of `after` found something. */
  readonly when?: 'seldom';
  readonly after?: string;
  /** One page of at most `size` rows; gives how many it was. */
  page(host: UpkeepHost, size: bigint): Promise<number>;
}

/** What one measurement gives: a value for each set of attributes. */
export type GaugeRows = readonly (readonly [value: number | bigint, attributes: Attributes])[];

/** Gauges that one read fills. */
export interface FaceGauges {
  /** Descriptions by name of the metric. */
  readonly descriptions: Readonly<Record<string, string>>;
  /** Units by name, as UCUM writes them: `s`, `By`. */
  readonly units?: Readonly<Record<string, string>>;
  /** `seldom`: it reads whole tables, and runs every `countIntervalMs`; else with every sweep. */
  readonly when?: 'seldom';
  read(host: UpkeepHost): Promise<Readonly<Record<string, GaugeRows>>>;
}

/**
 * What one part of a program brings: declared in one object, which the janitor, `explain`, `history` and the console read. Holdfast's
 * own sessions and work are the first one; a program gives its own to each of these.
 */
export interface Face {
  readonly name: string;
  /** Its migrations, as `migrate` takes them: a folder. */
  readonly migrations?: string;
  /** What each role needs of its tables, for `grantStatements`. */
  readonly rights?: Rights;
  readonly sweeps?: readonly FaceSweep[];
  readonly gauges?: readonly FaceGauges[];
  /** What it knows of a target, for `explain`: one query by index, in the transaction that all faces read in. */
  explain?(on: Executor, target: string): Promise<FacePart>;
  /** What happened to a target, for `history`: oldest first, each page of it one query by index. */
  history?(on: Executor, target: string): AsyncIterable<HistoryEvent>;
  /** Its tables and what operators can do, for the console. */
  readonly pages?: FacePages;
}
