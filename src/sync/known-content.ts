import { findArtifacts, findContent, findDeclared, touchContent } from '../queries/repositories.ts';
import type { DeclaredContent } from './declared.ts';
import { ContentConflictError } from './errors.ts';
import { openFile } from './files.ts';
import type { Run } from './run.ts';
import { filesToFetch, type StoredFile, storedFilesOf } from './stored-files.ts';

type Item = DeclaredContent;

/**
 * What the repository holds as it was declared goes through all further stages without a statement, and without a
 * download. One statement; a second one where files are wanted whose digests are declared.
 */
export async function queryArtifacts(run: Run, items: readonly Item[]): Promise<readonly Item[]> {
  for (const item of items)
    for (const file of item.artifacts) file.opener = (one) => openFile(run, item, one);
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
  if (run.version.isFirst) return;
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

const present = (digests: readonly (string | undefined)[]): string[] => [
  ...new Set(digests.filter((digest) => digest !== undefined)),
];

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
    isFirst: run.version.isFirst,
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

/** Looks again at what was completed meanwhile; keeps what exists from the garbage collector. */
export async function queryContent(run: Run, items: readonly Item[]): Promise<undefined> {
  await lookUp(run, items);
  const found = items.filter(({ exists, isHeld }) => exists && !isHeld);
  if (found.length === 0) return;
  const contentIds = [...new Set(found.map(({ contentId }) => contentId))].sort();
  const touched = new Set((await touchContent(run.reads, { contentIds })).map((row) => row.contentId));
  for (const item of found) item.exists = touched.has(item.contentId);
}
