import type { Figure } from '../support/measure.ts';

/** What one run of sync's bench found: bench/results/sync.json. */
export interface SyncResults {
  readonly measuredAt: string;
  readonly runs: number;
  readonly machine: { cores: number; model: string; memoryGb: number; node: string };
  readonly server: string;
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly sizes: readonly SizeFigures[];
}

/** What a process did with so many items. */
export interface PhaseFigures {
  /** Items a second. */
  readonly rate: Figure;
  /** Statements of SQL, without those that begin and end transactions. */
  readonly statements: Figure;
  /** Most memory that the process had at once, in MB. */
  readonly memoryMb: Figure;
}

export interface SizeFigures {
  readonly items: number;
  /** The same rows by the bare driver: one unnest a table and batch of 1,000, one transaction a batch. */
  readonly floor: PhaseFigures;
  readonly first: PhaseFigures;
  /** Of the floor's in the same run. */
  readonly firstToFloor: Figure;
  /** Again, with nothing new. */
  readonly same: PhaseFigures;
  readonly sameToFirst: Figure;
  /** Again, with one item in a hundred another one. */
  readonly change: PhaseFigures;
  /** Rows of content, files, remotes and repositories that it wrote. */
  readonly changeRows?: Figure | undefined;
  /** Everything goes. */
  readonly removal: PhaseFigures;
  /** The same rows by one UPDATE for 5,000. */
  readonly removalFloor: PhaseFigures;
  readonly removalToFloor: Figure;
  /** With a file of 1 kB for each item, from a server beside it. */
  readonly artifacts?: PhaseFigures | undefined;
}
