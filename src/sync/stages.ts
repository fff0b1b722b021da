import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { invalidOption } from '../base/index.ts';
import { concurrently, type Stage, settle, stage } from '../pipeline/index.ts';
import {
  artifactsOf,
  changedRemoteArtifacts,
  conflictingContent,
  fillArtifacts,
  findArtifacts,
  findContent,
  findDeclared,
  getContents,
  heldContent,
  reserveArtifacts,
  saveContent,
  saveRemoteArtifacts,
  settleArtifacts,
  touchContent,
} from '../queries/repositories.ts';
import { canonicalJson, digestId } from './canonical.ts';
import type { DeclaredArtifact, DeclaredContent } from './declared.ts';
import { ContentConflictError, InvalidContentError, OnDemandError } from './errors.ts';
import type { Run } from './run.ts';
import type { Member } from './version.ts';

/** Items of a batch: enough that a statement is worth its round trip, and few enough for its arrays. */
const BATCH = { min: 500, max: 1_000, waitMs: 250 };

type Item = DeclaredContent;

/** The names of the stages that a sync has, in their order. */
export const STAGES = [
  'query-existing-artifacts',
  'download-artifacts',
  'save-artifacts',
  'query-existing-content',
  'await-others',
  'save-content',
  'save-remote-artifacts',
  'resolve-futures',
  'associate',
] as const;

/** @internal One statement for each batch; what a batch was is passed on. */
const forBatch = (
  name: string,
  work: (items: readonly Item[]) => Promise<readonly Item[] | undefined>,
): Stage<Item> =>
  stage(
    name,
    async function* (batches) {
      for await (const batch of batches) yield (await work(batch)) ?? batch;
    },
    { batch: BATCH },
  );

/** @internal The stages of a sync, in the order of `STAGES`. */
export const defaultStages = (run: Run): Stage<Item>[] => [
  forBatch('query-existing-artifacts', (items) => queryArtifacts(run, items)),
  downloadArtifacts(run),
  forBatch('save-artifacts', (items) => saveArtifacts(run, items)),
  forBatch('query-existing-content', (items) => queryContent(run, items)),
  awaitOthers,
  forBatch('save-content', (items) => saveNew(run, items)),
  forBatch('save-remote-artifacts', (items) => saveRemotes(run, items)),
  forBatch('resolve-futures', async (items) => {
    for (const item of items) item.settle();
    return items;
  }),
  forBatch('associate', (items) => associate(run, items)),
];

/**
 * What the repository holds as it was declared goes through all further stages without a statement, and without a
 * download. One statement; a second one where files are wanted whose digests are declared.
 */
async function queryArtifacts(run: Run, items: readonly Item[]): Promise<readonly Item[]> {
  for (const item of items) for (const file of item.artifacts) file.opener = (one) => open(run, item, one);
  await findUnchanged(run, items);
  await lookUp(run, items);
  const left = await findFiles(run, items);
  const wanted = left.flatMap((item) => (item.isHeld ? [] : filesToFetch(run, item)));
  const sha256s = present(wanted.map(({ digests }) => digests.sha256));
  const sha512s = present(wanted.map(({ digests }) => digests.sha512));
  if (sha256s.length + sha512s.length === 0) return left;
  const found = await findArtifacts(run.reads, { sha256s: sha256s.sort(), sha512s });
  const bySha256 = new Set(found.map(({ sha256 }) => sha256));
  const bySha512 = new Map(found.map(({ sha512, sha256 }) => [sha512, sha256]));
  for (const file of wanted) {
    const { sha256, sha512 } = file.digests;
    if (sha256 !== undefined) file.sha256 = bySha256.has(sha256) ? sha256 : undefined;
    else if (sha512 !== undefined) file.sha256 = bySha512.get(sha512);
  }
  return left;
}

/** What the repository holds, and was declared so the last time. */
async function findUnchanged(run: Run, items: readonly Item[]): Promise<void> {
  const open: Item[] = [];
  const declared: string[] = [];
  for (const item of items) {
    const digest = item.declaredBy(run.remoteId, (file) => run.wants(file));
    if (digest === undefined) continue;
    open.push(item);
    declared.push(digest);
  }
  if (open.length === 0) return;
  const rows = await findDeclared(run.reads, {
    repositoryId: run.repositoryId,
    ords: open.map((_, ord) => BigInt(ord)),
    keyIds: open.map((item) => item.keyId),
    declared,
    complete: run.policy === 'immediate',
  });
  const changed = new Set(rows.map(({ ord }) => Number(ord)));
  for (const [at, item] of open.entries())
    if (!changed.has(at)) item.isUnchanged = item.isHeld = item.exists = true;
}

/** Which files of content that exists are in the store. Gives the items that go on. */
async function findFiles(run: Run, items: readonly Item[]): Promise<readonly Item[]> {
  const known = items.filter(({ exists, isHeld }) => exists && !isHeld);
  if (known.length === 0) return items;
  const stored = await storedFilesOf(run, known);
  const refused = new Set<Item>();
  for (const item of known) {
    const changed = item.adopted === undefined ? undefined : changedDigest(item, stored);
    if (changed !== undefined) {
      if (item.type.onChange === 'error') {
        const error = new ContentConflictError('changed', item.type.name, item.key, changed);
        run.failed(item, 'query-existing-artifacts', error);
        refused.add(item);
      }
      item.adopted = undefined;
      item.exists = false;
      continue;
    }
    for (const file of item.artifacts) file.sha256 ??= stored.get(`${item.contentId} ${file.path}`)?.sha256;
    if (item.isInRepository && filesToFetch(run, item).length === 0) item.isHeld = true;
  }
  return refused.size === 0 ? items : items.filter((item) => !refused.has(item));
}

/** Where the files that are declared are not those that are stored; the metadata of such an item is not compared. */
function changedDigest(item: Item, stored: ReadonlyMap<string, StoredFile>): string | undefined {
  for (const { path, digests } of item.artifacts) {
    const found = stored.get(`${item.contentId} ${path}`);
    for (const algorithm of ['sha512', 'sha256'] as const) {
      const [was, is] = [found?.[algorithm], digests[algorithm]];
      if (was !== undefined && is !== undefined && was !== is)
        return `the ${algorithm} of ${path} is ${was} and ${is}`;
    }
  }
  return undefined;
}

type StoredFile = { readonly sha256: string; readonly sha512: string | undefined };

/** By content and path. */
async function storedFilesOf(run: Run, known: readonly Item[]): Promise<ReadonlyMap<string, StoredFile>> {
  const rows = await artifactsOf(run.reads, {
    contentIds: [...new Set(known.map(({ contentId }) => contentId))],
  });
  return new Map(
    rows.flatMap(({ contentId, path, sha256, sha512, state }) =>
      sha256 !== null && state === 'stored'
        ? [[`${contentId} ${path}`, { sha256, sha512: sha512 ?? undefined }] as const]
        : [],
    ),
  );
}

const present = (digests: readonly (string | undefined)[]): string[] => [
  ...new Set(digests.filter((digest) => digest !== undefined)),
];

/** Files whose bytes are to be fetched now. */
const filesToFetch = (run: Run, item: Item): DeclaredArtifact[] =>
  item.artifacts.filter((file) => file.sha256 === undefined && run.wants(file));

/** Finds out what is known of items whose standing has changed since they were looked up last. */
async function lookUp(run: Run, items: readonly Item[]): Promise<void> {
  const open = items.filter((item) =>
    item.isUnchanged ? false : item.isComplete ? item.lookedUp !== item.standing : item.adopted === undefined,
  );
  if (open.length === 0) return;
  const rows = await findContent(run.reads, {
    repositoryId: run.repositoryId,
    ords: open.map((_, ord) => BigInt(ord)),
    contentIds: open.map((item) => (item.isComplete ? item.standing.contentId : item.keyId)),
    keyIds: open.map((item) => item.keyId),
    complete: run.policy === 'immediate',
  });
  for (const { ord, stored, held, unfetched } of rows) {
    const item = open[Number(ord)]!;
    if (!item.isComplete) {
      // Its metadata is known to be complete in the database: content never changes.
      const adopted = held ?? (stored !== null && item.type.onChange === 'error' ? item.keyId : undefined);
      item.adopted = adopted;
      item.exists = adopted !== undefined;
      // Held or not is for its files to say.
      item.isInRepository = item.exists && adopted === held;
      item.isHeld = false;
      continue;
    }
    const { contentId, fingerprint } = item.standing;
    item.lookedUp = item.standing;
    item.exists = stored === fingerprint;
    item.isInRepository = item.exists && held === contentId;
    item.isHeld = item.isInRepository && unfetched === 0n;
  }
}

function downloadArtifacts(run: Run): Stage<Item> {
  const step = run.progress.step('artifacts-downloaded', 'Artifacts downloaded');
  return concurrently<Item>(
    'download-artifacts',
    (item, { signal }) => {
      if (item.isHeld) return;
      const files = filesToFetch(run, item);
      if (files.length === 0) return;
      return (async () => {
        try {
          for (const file of files) {
            file.file = await fetchFile(run, item, file, signal);
            step.add(1);
          }
        } catch (error) {
          signal.throwIfAborted();
          run.failed(item, 'download-artifacts', error);
          return null;
        }
      })();
    },
    { limit: 32 },
  );
}

function fetchFile(run: Run, item: Item, file: DeclaredArtifact, signal: AbortSignal) {
  const { downloader, store } = run;
  if (!downloader || !store)
    throw invalidOption('store', `${item} has files to fetch, and there is no store to put them into`);
  const { urls, digests, size, path } = file;
  return downloader.download({ urls, digests, size, into: store, signal, describe: `${item} (${path})` });
}

async function open(run: Run, item: Item, file: DeclaredArtifact): Promise<Readable> {
  if (file.file === undefined && file.sha256 === undefined) {
    if (item.isKnown)
      file.sha256 = (await storedFilesOf(run, [item])).get(`${item.contentId} ${file.path}`)?.sha256;
    if (file.sha256 === undefined) {
      if (run.openOnDemand === 'refuse' && !run.wants(file)) throw new OnDemandError(String(item), file.path);
      file.file = await fetchFile(run, item, file, run.version.work.signal);
    }
  }
  if (file.file) return createReadStream(file.file.path);
  return run.store!.read(file.sha256!);
}

/** Two statements, and the store. What was put into the store is known to the database before. */
async function saveArtifacts(run: Run, items: readonly Item[]): Promise<undefined> {
  const fetched = items.flatMap(({ artifacts }) => artifacts.filter(({ file }) => file !== undefined));
  if (fetched.length === 0) return;
  const byDigest = new Map(fetched.map((one) => [one.file!.digests.sha256, one]));
  const kept = [...byDigest.values()];
  const sha256s = [...byDigest.keys()];
  await reserveArtifacts(run.reads, {
    sha256s,
    sha512s: kept.map(({ file }) => file!.digests.sha512),
    sizes: kept.map(({ file }) => BigInt(file!.size)),
  });
  await inParallel(kept, 8, ({ file }) => run.store!.put(file!.digests.sha256, file!));
  await settleArtifacts(run.reads, { sha256s });
  for (const one of fetched) {
    one.sha256 = one.file!.digests.sha256;
    // Deletes a second copy of the same bytes.
    await one.file![Symbol.asyncDispose]();
    one.file = undefined;
  }
}

async function inParallel<T>(
  all: readonly T[],
  limit: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  const left = all.values();
  const lines = Array.from({ length: Math.min(limit, all.length) }, async () => {
    for (const one of left) await work(one);
  });
  const outcomes = await Promise.allSettled(lines);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Looks again at what was completed meanwhile; keeps what exists from the garbage collector. */
async function queryContent(run: Run, items: readonly Item[]): Promise<undefined> {
  await lookUp(run, items);
  const found = items.filter(({ exists, isHeld }) => exists && !isHeld);
  if (found.length === 0) return;
  const contentIds = [...new Set(found.map(({ contentId }) => contentId))].sort();
  const touched = new Set((await touchContent(run.reads, { contentIds })).map((row) => row.contentId));
  for (const item of found) item.exists = touched.has(item.contentId);
}

const awaitOthers: Stage<Item> = settle<Item>('await-others', ({ after }) => after);

/** New content, with its files and where they can be had: one transaction a batch. */
async function saveNew(run: Run, items: readonly Item[]): Promise<readonly Item[] | undefined> {
  const fresh = new Map<string, Item>();
  const filled: { contentId: string; path: string; sha256: string }[] = [];
  for (const item of items) {
    if (item.isHeld) continue;
    if (item.exists) {
      for (const { path, sha256 } of item.artifacts)
        if (sha256 !== undefined) filled.push({ contentId: item.contentId, path, sha256 });
      continue;
    }
    if (!item.isComplete)
      throw new InvalidContentError(item.type.name, `${item.key} was never given its metadata`);
    const same = fresh.get(item.contentId);
    if (same && same.standing.fingerprint !== item.standing.fingerprint)
      throw conflict('twice', item, JSON.parse(same.json));
    fresh.set(item.contentId, item);
  }
  const saved = [...fresh.values()];
  if (saved.length + filled.length === 0) return undefined;
  const files = saved.flatMap((item) => item.artifacts.map((file) => ({ ...remoteRow(item, file), file })));
  const row = {
    remoteId: run.remoteId,
    contentIds: saved.map(({ contentId }) => contentId),
    types: saved.map(({ type }) => type.name),
    names: saved.map(({ type, metadata }) => type.clientName(metadata)),
    keys: saved.map(({ key }) => key),
    keyIds: saved.map(({ keyId }) => keyId),
    fingerprints: saved.map(({ standing }) => standing.fingerprint),
    metadata: saved.map(({ json }) => json),
    fileContentIds: files.map(({ contentId }) => contentId),
    filePaths: files.map(({ path }) => path),
    fileSha256s: files.map(({ file }) => file.sha256 ?? ''),
    remoteContentIds: files.map(({ contentId }) => contentId),
    remotePaths: files.map(({ path }) => path),
    remoteUrls: files.map(({ urls }) => urls),
    remoteDigests: files.map(({ digests }) => digests),
    remoteSizes: files.map(({ size }) => size),
    remoteFingerprints: files.map(({ fingerprint }) => fingerprint),
  };
  const conflicting = await run.version
    .transact(async (tx) => {
      const [, conflicts] = await Promise.all([
        saved.length > 0 ? saveContent(tx, row) : undefined,
        saved.length > 0 ? conflictingContent(tx, row) : [],
        filled.length > 0
          ? fillArtifacts(tx, {
              contentIds: filled.map(({ contentId }) => contentId),
              paths: filled.map(({ path }) => path),
              sha256s: filled.map(({ sha256 }) => sha256),
            })
          : undefined,
      ]);
      if (conflicts.length > 0) throw new Conflicts(conflicts.map(({ contentId }) => contentId));
    }, 'save content')
    .then(
      () => [],
      (error: unknown) => {
        if (error instanceof Conflicts) return error.contentIds;
        throw error;
      },
    );
  if (conflicting.length > 0) {
    for (const contentId of conflicting) await failStored(run, fresh.get(contentId)!);
    const refused = new Set(conflicting);
    const left = items.filter((item) => item.isHeld || !refused.has(item.contentId));
    return (await saveNew(run, left)) ?? left;
  }
  for (const item of saved) {
    item.isSaved = true;
    item.exists = true;
  }
  return undefined;
}

/** Rolls back: content exists under these identifiers, and it is other content. */
class Conflicts extends Error {
  readonly contentIds: readonly string[];

  constructor(contentIds: readonly string[]) {
    super('content exists otherwise');
    this.contentIds = contentIds;
  }
}

async function failStored(run: Run, item: Item): Promise<void> {
  const [stored] = await getContents(run.reads, { contentIds: [item.contentId] });
  run.failed(item, 'save-content', conflict('changed', item, stored?.metadata));
}

function conflict(reason: 'changed' | 'twice', item: Item, other: unknown): ContentConflictError {
  return new ContentConflictError(
    reason,
    item.type.name,
    item.key,
    differenceOf(other, JSON.parse(item.json)),
  );
}

/** What differs between two metadata, for people: the first three members, shortened. */
function differenceOf(a: unknown, b: unknown): string {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null;
  if (!isObject(a) || !isObject(b)) return `${short(a)} and ${short(b)}`;
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (name) => canonicalJson(a[name]) !== canonicalJson(b[name]),
  );
  if (names.length === 0) return 'the digests or paths of its files differ';
  return names
    .slice(0, 3)
    .map((name) => `${name} is ${short(a[name])} and ${short(b[name])}`)
    .join(', ');
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

const remoteRow = (item: Item, { path, urls, digests, size }: DeclaredArtifact) => {
  const known = { urls: JSON.stringify(urls), digests: canonicalJson(digests) };
  return {
    contentId: item.contentId,
    path,
    ...known,
    size: BigInt(size ?? -1),
    fingerprint: digestId(`${known.urls}\0${known.digests}\0${size ?? ''}`),
  };
};

/** Where the remote has files of content that existed: one statement, and a transaction where something is new. */
async function saveRemotes(run: Run, items: readonly Item[]): Promise<undefined> {
  const rows = new Map<string, ReturnType<typeof remoteRow>>();
  for (const item of items) {
    if (item.isSaved || item.isUnchanged) continue;
    for (const file of item.artifacts) {
      const row = remoteRow(item, file);
      rows.set(`${row.contentId} ${row.path}`, row);
    }
  }
  if (rows.size === 0) return;
  const all = [...rows.values()];
  const changed = await changedRemoteArtifacts(run.reads, {
    remoteId: run.remoteId,
    ords: all.map((_, ord) => BigInt(ord)),
    contentIds: all.map(({ contentId }) => contentId),
    paths: all.map(({ path }) => path),
    fingerprints: all.map(({ fingerprint }) => fingerprint),
  });
  if (changed.length === 0) return;
  const written = changed.map(({ ord }) => all[Number(ord)]!);
  await run.version.transact(
    (tx) =>
      saveRemoteArtifacts(tx, {
        remoteId: run.remoteId,
        contentIds: written.map(({ contentId }) => contentId),
        paths: written.map(({ path }) => path),
        urls: written.map(({ urls }) => urls),
        digests: written.map(({ digests }) => digests),
        sizes: written.map(({ size }) => size),
        fingerprints: written.map(({ fingerprint }) => fingerprint),
      }),
    'save remote artifacts',
  );
}

/** The version gets what the repository does not hold: one transaction a batch; none for what it holds. */
async function associate(run: Run, items: readonly Item[]): Promise<undefined> {
  const again: Item[] = [];
  const held: Item[] = [];
  const members = new Map<string, Item>();
  for (const item of items) {
    const inBatch = members.get(item.keyId);
    if (!run.keys.add(item.keyId)) {
      if (inBatch && inBatch.contentId === item.contentId) continue;
      again.push(item);
      continue;
    }
    run.remoteFiles += item.artifacts.length;
    if (item.adopted !== undefined && item.artifacts.length === 0) run.remoteUnknown = true;
    if (item.isUnchanged) continue;
    if (item.isHeld || item.isInRepository) held.push(item);
    if (!item.isHeld) members.set(item.keyId, item);
  }
  const member = (item: Item): Member => ({
    keyId: item.keyId,
    contentId: item.contentId,
    declared: item.declaredBy(run.remoteId, (file) => run.wants(file)),
  });
  const { added, removed } = await run.version.add([...members.values()].map(member));
  await run.version.note(held.map(member));
  run.progress.step('added', 'Content added').add(added);
  run.progress.step('removed', 'Content removed').add(removed);
  if (again.length > 0) await refuseTwice(run, again);
}

/** The same natural key again: fine when it is the same content. */
async function refuseTwice(run: Run, items: readonly Item[]): Promise<void> {
  const rows = await heldContent(run.reads, {
    repositoryId: run.repositoryId,
    keyIds: items.map(({ keyId }) => keyId),
  });
  const held = new Map(rows.map(({ keyId, contentId }) => [keyId, contentId]));
  for (const item of items) {
    const other = held.get(item.keyId);
    // One that was skipped before stays skipped.
    if (other === undefined || other === item.contentId) continue;
    const [stored] = await getContents(run.reads, { contentIds: [other] });
    throw conflict('twice', item, stored?.metadata);
  }
}
