import type { ArtifactStore, Downloader } from '../artifacts/index.ts';
import { HoldfastError } from '../base/index.ts';
import type { Executor } from '../query/index.ts';
import type { DeclaredContent } from './declared.ts';
import { TooManySkippedError } from './errors.ts';
import { KeySet } from './key-set.ts';
import type { Progress } from './progress.ts';
import type { OpenVersion } from './version.ts';

/** When bytes are fetched: with the sync, or when somebody asks for them. */
export type Policy = 'immediate' | 'on demand';

/** An item that was not added, since something of its own failed. */
export interface SkippedItem {
  /** Type and natural key. */
  readonly item: string;
  readonly stage: string;
  readonly error: unknown;
}

export interface RunOptions {
  readonly version: OpenVersion;
  /** For statements on their own, which need no proof of the work. */
  readonly reads: Executor;
  readonly remoteId: string;
  readonly policy: Policy;
  readonly store: ArtifactStore | undefined;
  readonly downloader: Downloader | undefined;
  readonly progress: Progress;
  readonly openOnDemand: 'fetch' | 'refuse';
  readonly onItemError: 'fail' | 'skip';
  readonly skipLimit: number;
}

/** One sync while it is under way: what its stages share. */
export class Run implements RunOptions {
  readonly version: OpenVersion;
  readonly reads: Executor;
  readonly remoteId: string;
  readonly policy: Policy;
  readonly store: ArtifactStore | undefined;
  readonly downloader: Downloader | undefined;
  readonly progress: Progress;
  readonly openOnDemand: 'fetch' | 'refuse';
  readonly onItemError: 'fail' | 'skip';
  readonly skipLimit: number;
  /** Natural keys that were declared, or skipped. */
  readonly keys = new KeySet();
  readonly skipped: SkippedItem[] = [];
  /** Files that the remote was said to have. */
  remoteFiles = 0;
  /** A natural key was adopted without saying where its files can be had. */
  remoteUnknown = false;

  constructor(options: RunOptions) {
    this.version = options.version;
    this.reads = options.reads;
    this.remoteId = options.remoteId;
    this.policy = options.policy;
    this.store = options.store;
    this.downloader = options.downloader;
    this.progress = options.progress;
    this.openOnDemand = options.openOnDemand;
    this.onItemError = options.onItemError;
    this.skipLimit = options.skipLimit;
  }

  get repositoryId(): string {
    return this.version.repositoryId;
  }

  /** Whether a file's bytes are fetched now. */
  wants({ onDemand }: { readonly onDemand: boolean | undefined }): boolean {
    return this.policy === 'immediate' && onDemand !== true;
  }

  /**
   * Something of this one item failed. Throws it, or, with `onItemError: 'skip'`, writes it down: what the repository holds
   * under its natural key stays.
   */
  failed(item: DeclaredContent, stage: string, error: unknown): void {
    if (this.onItemError === 'fail') throw error;
    if (this.skipped.length >= this.skipLimit) throw new TooManySkippedError(this.skipLimit, error);
    this.skipped.push({ item: String(item), stage, error });
    this.keys.add(item.keyId);
    for (const file of item.artifacts) void file.file?.[Symbol.asyncDispose]();
    item.resolved.reject(new SkippedError(item, error));
  }
}

/** The item was skipped, so nothing of it is in the database. */
export class SkippedError extends HoldfastError {
  readonly code = 'HOLDFAST_ITEM_SKIPPED';

  constructor(item: DeclaredContent, cause: unknown) {
    super(`${item} was skipped`, { cause });
  }
}
