import { copyFile, type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { checkSha256 } from './digests.ts';
import { makeFolder, partialPath, sweepPartialFiles } from './download-area.ts';
import { ArtifactMissingError, ArtifactStoreError } from './errors.ts';
import { isNotFound, storeFailure } from './file-errors.ts';
import { checkRange } from './range.ts';
import type { ArtifactStore, ByteRange, ListedArtifact, LocalFile } from './store.ts';

/** Not two hexadecimal digits, so that no artifact lies in it. */
const DOWNLOADS = 'downloads';

/**
 * Keeps artifacts in a folder as `ab/cd/<sha256>`, and downloads under way in its subfolder `downloads`, so that both
 * are in one file system and a rename puts an artifact in place. Makes the folder when there is none.
 */
export async function directoryStore(path: string): Promise<ArtifactStore> {
  const store = new DirectoryStore(resolve(path));
  await makeFolder(store.downloads);
  return store;
}

class DirectoryStore implements ArtifactStore {
  readonly name: string;
  readonly downloads: string;

  constructor(root: string) {
    this.name = root;
    this.downloads = join(root, DOWNLOADS);
  }

  async put(sha256: string, source: LocalFile, signal?: AbortSignal): Promise<void> {
    const target = this.#pathOf(sha256);
    signal?.throwIfAborted();
    try {
      await finish(source);
      const folder = dirname(target);
      await makeFolder(folder);
      await this.#move(source.path, target);
      // Each folder that may be new, from the artifact's own up to the store's.
      for (const each of [folder, dirname(folder), this.name]) await sync(each);
    } catch (error) {
      throw storeFailure(this.name, error);
    }
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.size(sha256)) !== undefined;
  }

  async size(sha256: string): Promise<number | undefined> {
    const path = this.#pathOf(sha256);
    try {
      const found = await stat(path);
      return found.isFile() ? found.size : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw storeFailure(this.name, error);
    }
  }

  async read(sha256: string, range?: ByteRange, signal?: AbortSignal): Promise<Readable> {
    const path = this.#pathOf(sha256);
    const wanted = checkRange(range);
    signal?.throwIfAborted();
    const file = await open(path).catch((error: unknown) => {
      throw isNotFound(error) ? new ArtifactMissingError(sha256) : storeFailure(this.name, error);
    });
    if (wanted?.start === wanted?.end && wanted !== undefined) {
      await file.close();
      return Readable.from([]);
    }
    return file.createReadStream({
      ...(wanted && { start: wanted.start, end: wanted.end - 1 }),
      ...(signal && { signal }),
    });
  }

  async delete(sha256: string): Promise<void> {
    const path = this.#pathOf(sha256);
    await rm(path, { force: true }).catch((error: unknown) => {
      throw storeFailure(this.name, error);
    });
  }

  async *list(): AsyncGenerator<ListedArtifact> {
    for (const first of await this.#folders(this.name)) {
      for (const second of await this.#folders(join(this.name, first))) {
        const folder = join(this.name, first, second);
        for (const sha256 of await this.#names(folder)) {
          if (!sha256.startsWith(first + second) || !/^[0-9a-f]{64}$/.test(sha256)) continue;
          const found = await stat(join(folder, sha256)).catch((error: unknown) => {
            if (!isNotFound(error)) throw storeFailure(this.name, error);
          });
          if (found?.isFile()) yield { sha256, size: found.size, modifiedAt: found.mtime };
        }
      }
    }
  }

  sweepDownloads(graceMs: number): Promise<number> {
    return sweepPartialFiles(this.downloads, graceMs);
  }

  async close(): Promise<void> {}

  #pathOf(sha256: string): string {
    checkSha256(sha256);
    return join(this.name, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  }

  async #move(source: string, target: string): Promise<void> {
    try {
      await rename(source, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      // It comes from another file system: a copy in this one is renamed, so that the target is never half there.
      const copy = partialPath(this.downloads);
      try {
        await copyFile(source, copy);
        await using file = await open(copy, 'r+');
        await file.sync();
        await rename(copy, target);
      } finally {
        await rm(copy, { force: true });
      }
      await rm(source, { force: true });
    }
  }

  async #folders(path: string): Promise<readonly string[]> {
    return (await this.#names(path)).filter((name) => /^[0-9a-f]{2}$/.test(name));
  }

  async #names(path: string): Promise<readonly string[]> {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (isNotFound(error)) return [];
      throw storeFailure(this.name, error);
    }
  }
}

/** Its bytes are on the disk, as many as are said. */
async function finish({ path, size }: LocalFile): Promise<void> {
  await using file = await open(path, 'r+');
  const found = (await file.stat()).size;
  if (found !== size)
    throw new ArtifactStoreError('refused', `${path}: it has ${found} bytes, and was said to have ${size}`);
  await file.sync();
}

/** The names in the folder are on the disk. */
async function sync(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder);
    await handle.sync();
  } finally {
    await handle?.close();
  }
}
