import {
  changedRemoteArtifacts,
  conflictingContent,
  fillArtifacts,
  getContents,
  saveContent,
  saveRemoteArtifacts,
} from '../queries/repositories.ts';
import { canonicalJson, digestId } from './canonical.ts';
import { conflict } from './conflict.ts';
import type { DeclaredArtifact, DeclaredContent } from './declared.ts';
import { InvalidContentError } from './errors.ts';
import type { Run } from './run.ts';

type Item = DeclaredContent;

/** New content, with its files and where they can be had: one transaction a batch. */
export async function saveNew(run: Run, items: readonly Item[]): Promise<readonly Item[] | undefined> {
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
      const [written] = await Promise.all([
        saved.length > 0 ? saveContent(tx, row) : undefined,
        filled.length > 0
          ? fillArtifacts(tx, {
              contentIds: filled.map(({ contentId }) => contentId),
              paths: filled.map(({ path }) => path),
              sha256s: filled.map(({ sha256 }) => sha256),
            })
          : undefined,
      ]);
      if (!written || written.fresh === BigInt(saved.length)) return;
      const conflicts = await conflictingContent(tx, row);
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
export async function saveRemotes(run: Run, items: readonly Item[]): Promise<undefined> {
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
