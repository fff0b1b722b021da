import { z } from 'zod';
import { type ArtifactStore, Downloader } from '../artifacts/index.ts';
import { checkOptions, checkText, nameSchema } from '../base/index.ts';
import { Pipeline, type PipelineProfile, type Source } from '../pipeline/index.ts';
import {
  countHeld,
  countRemoteArtifacts,
  deleteRemoteArtifacts,
  ensureRemote,
  getContents,
  heldKeys,
  remoteContents,
  touchContent,
} from '../queries/repositories.ts';
import type { Work } from '../work/index.ts';
import { digestId } from './canonical.ts';
import type { ContentType, NaturalKey } from './content-type.ts';
import { DeclaredContent, type ItemFailure, type StoredContent } from './declared.ts';
import { plannedEachTime } from './planned.ts';
import { Progress, type StepProgress } from './progress.ts';
import type { Repository } from './repository.ts';
import { type Changer, withRepository } from './repository-work.ts';
import { prune } from './retention.ts';
import { type Policy, Run, type SkippedItem } from './run.ts';
import { defaultStages } from './stages.ts';
import { NO_ID, OpenVersion, type VersionCounts } from './version.ts';

/** Options of `sync` and `modify`. */
export interface ChangeOptions {
  /** Default `immediate`: bytes are fetched with the sync. */
  readonly policy?: Policy | undefined;
  /** Where bytes go. Without one, content with files can only be had on demand. */
  readonly store?: ArtifactStore | undefined;
  /** What fetches bytes. Default: one of its own for this call. */
  readonly downloader?: Downloader | undefined;
  /** Name of what the repository is filled from: URLs are kept by it. Default `default`. */
  readonly remote?: string | undefined;
  /** Changes the pipeline: see `STAGES` for the names of its stages. */
  readonly stages?: ((pipeline: Pipeline<DeclaredContent>) => Pipeline<DeclaredContent>) | undefined;
  /** What opening a file does whose bytes are on demand: `fetch`, the default, or `refuse`. */
  readonly openOnDemand?: 'fetch' | 'refuse' | undefined;
  /** `skip`: an item whose own download or metadata fails is left out, and reported. Default `fail`. */
  readonly onItemError?: 'fail' | 'skip' | undefined;
  /** More skipped items than this fail the sync. Default 100. */
  readonly skipLimit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each step as it goes on. */
  readonly onProgress?: ((step: StepProgress) => void) | undefined;
}

export interface SyncOptions extends ChangeOptions {
  /** Default true: the version holds exactly what is declared. False: at least that. */
  readonly mirror?: boolean | undefined;
}

/** What became of a sync. */
export interface SyncResult {
  /** The version that it made; without a change the newest there was (0: none). */
  readonly version: number;
  readonly changed: boolean;
  readonly counts: VersionCounts;
  /** Items that were left out; only with `onItemError: 'skip'`. */
  readonly skipped: readonly SkippedItem[];
  readonly steps: readonly StepProgress[];
  readonly profile: PipelineProfile;
}

/** What a first stage gives: items, or lists of them. */
export type FirstStage = Source<DeclaredContent>;

/** Natural keys that go. */
export interface ContentKey {
  /** A content type, or its name. */
  readonly type: Pick<ContentType, 'name'> | string;
  readonly key: NaturalKey;
}

/** Some of the same, at once or as they come. */
type Several<T> = Iterable<T> | AsyncIterable<T>;

export interface Changes {
  /** Declared content, or content that exists, such as that of another repository. */
  readonly add?: Several<DeclaredContent | StoredContent> | undefined;
  readonly remove?: Several<ContentKey> | undefined;
}

const optionsSchema = z.strictObject({
  mirror: z.boolean().optional(),
  policy: z.enum(['immediate', 'on demand']).optional(),
  store: z.custom<ArtifactStore>().optional(),
  downloader: z.instanceof(Downloader).optional(),
  remote: nameSchema.optional(),
  stages: z.custom<(pipeline: Pipeline<DeclaredContent>) => Pipeline<DeclaredContent>>().optional(),
  openOnDemand: z.enum(['fetch', 'refuse']).optional(),
  onItemError: z.enum(['fail', 'skip']).optional(),
  skipLimit: z.int().min(0).optional(),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom<(step: StepProgress) => void>().optional(),
});

/** Rows that one transaction removes. */
const PAGE = 5_000;

/**
 * Makes a repository hold what the first stage declares, as a new version which is complete or not there at all: everything
 * runs in one pipeline, in batches, and each write proves the work on the repository. Without a change there is no version.
 *
 * Throws the error of the stage that failed first, or the signal's reason, and then nothing of the version is visible;
 * RepositoryNotFoundError; RepositoryBusyError, when somebody else changes the repository; ContentConflictError; and as
 * `work.transact`. After Pulp's DeclarativeVersion.
 */
export async function sync(
  on: Changer,
  repository: string,
  first: FirstStage,
  options?: SyncOptions,
): Promise<SyncResult> {
  const { mirror = true, ...rest } = checkOptions(optionsSchema, options) as SyncOptions;
  return change(on, repository, { first, mirror }, rest);
}

/**
 * Changes a repository by who knows what changes, and need not know what is there: what is to go, and then what is to come, on
 * one version, as `sync` does it. What is not named costs nothing. Throws as `sync`.
 */
export async function modify(
  on: Changer,
  repository: string,
  { add = [], remove = [] }: Changes,
  options?: ChangeOptions,
): Promise<SyncResult> {
  const checked = checkOptions(optionsSchema.omit({ mirror: true }), options) as ChangeOptions;
  return change(on, repository, { add, remove }, checked);
}

interface Wanted extends Changes {
  readonly first?: FirstStage;
  readonly mirror?: boolean;
}

async function change(
  on: Changer,
  name: string,
  wanted: Wanted,
  options: ChangeOptions,
): Promise<SyncResult> {
  return withRepository(on, checkText('repository', name), (work, repository) =>
    new Change(work, repository, wanted, options).carryOut(),
  );
}

/** One change of a repository. */
class Change {
  readonly #work: Work;
  readonly #repository: Repository;
  readonly #wanted: Wanted;
  readonly #options: ChangeOptions;
  readonly #progress: Progress;

  constructor(work: Work, repository: Repository, wanted: Wanted, options: ChangeOptions) {
    this.#work = work;
    this.#repository = repository;
    this.#wanted = wanted;
    this.#options = options;
    this.#progress = new Progress(options.onProgress);
  }

  async carryOut(): Promise<SyncResult> {
    const version = await OpenVersion.open(this.#work, this.#repository.repositoryId);
    const downloader = this.#options.downloader ?? (this.#options.store ? new Downloader() : undefined);
    try {
      this.#progress.begin(version);
      return await this.#fill(version, downloader);
    } catch (error) {
      await this.#progress.stop();
      const isCanceled = this.#options.signal?.aborted && this.#options.signal.reason === error;
      // A worker that has lost the work leaves it to the next holder; a failure to tidy up hides nothing.
      if (!this.#work.signal.aborted)
        await version.discard(isCanceled ? 'canceled' : 'failed', causeOf(error)).catch(() => {});
      throw error;
    } finally {
      await this.#progress.stop();
      if (downloader !== this.#options.downloader) await downloader?.close();
    }
  }

  async #fill(version: OpenVersion, downloader: Downloader | undefined): Promise<SyncResult> {
    const { policy = 'immediate', store, remote = 'default', stages, onItemError = 'fail' } = this.#options;
    const { skipLimit = 100, openOnDemand = 'fetch', signal } = this.#options;
    const remoteId = digestId(`${version.repositoryId}\0${remote}`);
    await version.transact(
      (tx) => ensureRemote(tx, { remoteId, repositoryId: version.repositoryId, name: remote }),
      'remote',
    );
    const { session } = this.#work;
    const run = new Run({
      version,
      // One round trip each, which the session fences; nothing that others write meanwhile makes one fail.
      reads: plannedEachTime({
        execute: (statement) => session.execute(statement, { isolation: 'read committed', idempotent: true }),
      }),
      remoteId,
      policy,
      store,
      downloader,
      progress: this.#progress,
      openOnDemand,
      onItemError,
      skipLimit,
    });
    await this.#removeNamed(run);
    const pipeline = defaultStages(run).reduce(
      (made, one) => made.append(one),
      new Pipeline<DeclaredContent>(),
    );
    const ends = [this.#work.signal, ...(signal ? [signal] : [])];
    const profile = await (stages?.(pipeline) ?? pipeline).run(this.#declared(run), {
      signal: AbortSignal.any(ends),
      onProfile: this.#progress.watch,
    });
    if (this.#wanted.mirror) await this.#removeUndeclared(run);
    for (const { code, message } of this.#progress.steps) this.#progress.step(code, message).end();
    await this.#progress.stop();
    await this.#progress.write(version);
    const { skipped } = run;
    const done = await version.complete(skipped.length === 0 ? 'completed' : 'partial');
    await this.#tidyUp(run);
    return { ...done, skipped, steps: this.#progress.steps, profile };
  }

  /** What the pipeline begins with. */
  #declared(run: Run): FirstStage {
    const step = this.#progress.step('declared', 'Content declared');
    const { first, add = [] } = this.#wanted;
    const source: FirstStage = first ?? ofChanges(run, add);
    const failed: ItemFailure = (item, stage, error) => run.failed(item, stage, error);
    return async function* (context) {
      for await (const some of typeof source === 'function' ? source(context) : source) {
        const items = Array.isArray(some) ? some : [some];
        for (const item of items) item.failed = failed;
        step.add(items.length);
        yield items;
      }
      step.end();
    };
  }

  async #removeNamed(run: Run): Promise<void> {
    for await (const page of pagesOf(this.#wanted.remove ?? [], PAGE)) {
      const keyIds = page.map(({ type, key }) =>
        digestId(`${typeof type === 'string' ? type : type.name}\0${JSON.stringify(key)}`),
      );
      await this.#remove(run, keyIds);
    }
  }

  /** Two statements that read, where nothing is to go. */
  async #removeUndeclared(run: Run): Promise<void> {
    const { repositoryId } = run;
    const { held } = await countHeld(run.reads, { repositoryId });
    // What was skipped may not be there; so it is counted, and looked for, only when there may be more.
    if (run.skipped.length === 0 && Number(held) === run.keys.size) return;
    let after = NO_ID;
    let gone: string[] = [];
    for (;;) {
      const rows = await heldKeys(run.reads, { repositoryId, after, page: BigInt(PAGE) });
      for (const { keyId } of rows) if (!run.keys.has(keyId)) gone.push(keyId);
      if (gone.length >= PAGE || rows.length < PAGE) {
        await this.#remove(run, gone);
        gone = [];
      }
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.keyId;
    }
  }

  async #remove(run: Run, keyIds: readonly string[]): Promise<void> {
    if (keyIds.length === 0) return;
    const { removed } = await run.version.remove(keyIds);
    this.#progress.step('removed', 'Content removed').add(removed);
  }

  /**
   * Behind the completion, not before: a version that is discarded leaves the one before with all that was known of its
   * content. The version is there whatever becomes of this, and the next sync does what is left.
   */
  async #tidyUp(run: Run): Promise<void> {
    try {
      if (this.#wanted.first) await this.#dropRemotes(run);
      await prune(this.#work, this.#repository);
    } catch (error) {
      process.emitWarning(`${this.#repository.name}: tidying up behind a sync failed: ${causeOf(error)}`);
    }
  }

  /** What this remote said before of content that it declares no more. One statement that reads, where there is none. */
  async #dropRemotes(run: Run): Promise<void> {
    const { remoteId, repositoryId } = run;
    const { files } = await countRemoteArtifacts(run.reads, { remoteId });
    if (!run.remoteUnknown && run.skipped.length === 0 && Number(files) === run.remoteFiles) return;
    let after = NO_ID;
    for (;;) {
      const rows = await remoteContents(run.reads, { repositoryId, remoteId, after, page: BigInt(PAGE) });
      const contentIds = rows
        .filter(({ contentId, held, keyId }) => held !== contentId || !run.keys.has(keyId!))
        .map(({ contentId }) => contentId);
      if (contentIds.length > 0)
        await run.version.transact(
          (tx) => deleteRemoteArtifacts(tx, { repositoryId, remoteId, contentIds }),
          'drop remote artifacts',
        );
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.contentId;
    }
  }
}

/** Content that exists is added at once; what is declared goes through the stages. */
async function* ofChanges(
  run: Run,
  add: Several<DeclaredContent | StoredContent>,
): AsyncGenerator<readonly DeclaredContent[]> {
  for await (const page of pagesOf(add, 500)) {
    const declared = page.filter((one) => one instanceof DeclaredContent);
    const ids = page
      .filter((one) => !(one instanceof DeclaredContent))
      .map(({ contentId }) => contentId as string);
    if (ids.length > 0) await addExisting(run, ids);
    if (declared.length > 0) yield declared;
  }
}

async function addExisting(run: Run, ids: readonly string[]): Promise<void> {
  const contentIds = [...new Set(ids)].sort();
  await touchContent(run.reads, { contentIds });
  const rows = await getContents(run.reads, { contentIds });
  if (rows.length < contentIds.length) {
    const found = new Set(rows.map(({ contentId }) => contentId));
    const missing = contentIds.find((contentId) => !found.has(contentId))!;
    checkOptions(z.never(`there is no content ${missing}`), missing);
  }
  const { added, removed } = await run.version.add(rows);
  run.progress.step('added', 'Content added').add(added);
  run.progress.step('removed', 'Content removed').add(removed);
}

async function* pagesOf<T>(all: Several<T>, size: number): AsyncGenerator<T[]> {
  let page: T[] = [];
  for await (const one of all) {
    if (page.push(one) < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function causeOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\0', '');
}
