import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { invalidOption } from '../base/index.ts';
import { concurrently, type Stage } from '../pipeline/index.ts';
import { reserveArtifacts, settleArtifacts } from '../queries/repositories.ts';
import type { DeclaredArtifact, DeclaredContent } from './declared.ts';
import { OnDemandError } from './errors.ts';
import type { Run } from './run.ts';
import { filesToFetch, storedFilesOf } from './stored-files.ts';

type Item = DeclaredContent;

export function downloadArtifacts(run: Run): Stage<Item> {
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

export async function openFile(run: Run, item: Item, file: DeclaredArtifact): Promise<Readable> {
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
export async function saveArtifacts(run: Run, items: readonly Item[]): Promise<undefined> {
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
