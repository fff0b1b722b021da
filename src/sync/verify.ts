import { ArtifactMissingError, type ArtifactStore, Digester, Downloader } from '../artifacts/index.ts';
import { type Database, reading } from '../client/index.ts';
import { remotesOfArtifact, storedArtifacts } from '../queries/repositories.ts';
import { storeFile } from './fetch.ts';

const PAGE = 200n;

/** Bytes that are not in the store as they should be. */
export interface DamagedArtifact {
  readonly sha256: string;
  /** What it is a file of: type, natural key and path. */
  readonly files: readonly string[];
  readonly fault: 'missing' | 'size' | 'digest';
  /** It was downloaded anew. */
  readonly isRepaired: boolean;
  /** Why it was not. */
  readonly error: unknown;
}

export interface VerifyOptions {
  readonly store: ArtifactStore;
  readonly downloader?: Downloader | undefined;
  /** False: what is damaged is only told. Default true. */
  readonly repair?: boolean | undefined;
  /** Told how many artifacts were read so far. */
  readonly onProgress?: ((artifacts: number) => void) | undefined;
}

/**
 * Reads every artifact that should be in the store, and downloads anew what is missing or damaged, from wherever remotes have
 * it. Gives what was found; bytes that cannot be had stay as they are.
 */
export async function* verifyArtifacts(
  on: Database,
  options: VerifyOptions,
): AsyncGenerator<DamagedArtifact> {
  const { store, repair = true, onProgress } = options;
  const downloader = options.downloader ?? new Downloader();
  let [after, count] = ['', 0];
  try {
    for (;;) {
      const rows = await storedArtifacts(reading(on), { after, page: PAGE });
      for (const { sha256, size } of rows) {
        const fault = await faultOf(store, sha256, Number(size));
        onProgress?.(++count);
        if (fault) yield await mend(on, store, downloader, sha256, fault, repair);
      }
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.sha256;
    }
  } finally {
    if (downloader !== options.downloader) await downloader.close();
  }
}

async function faultOf(
  store: ArtifactStore,
  sha256: string,
  size: number,
): Promise<DamagedArtifact['fault'] | undefined> {
  try {
    if ((await store.size(sha256)) !== size) return (await store.has(sha256)) ? 'size' : 'missing';
    const digester = new Digester();
    for await (const chunk of await store.read(sha256)) digester.update(chunk as Uint8Array);
    return digester.digests().sha256 === sha256 ? undefined : 'digest';
  } catch (error) {
    if (error instanceof ArtifactMissingError) return 'missing';
    throw error;
  }
}

async function mend(
  on: Database,
  store: ArtifactStore,
  downloader: Downloader,
  sha256: string,
  fault: DamagedArtifact['fault'],
  repair: boolean,
): Promise<DamagedArtifact> {
  const rows = await remotesOfArtifact(reading(on), { sha256 });
  const files = [...new Set(rows.map(({ type, key, path }) => `${type} ${key} (${path})`))];
  const damaged = { sha256, files, fault };
  const remotes = rows.filter(({ urls }) => urls !== null);
  if (!repair || remotes.length === 0)
    return { ...damaged, isRepaired: false, error: repair ? new ArtifactMissingError(sha256) : undefined };
  try {
    await storeFile(reading(on), store, downloader, { remotes, digests: { sha256 }, describe: files[0]! });
    return { ...damaged, isRepaired: true, error: undefined };
  } catch (error) {
    return { ...damaged, isRepaired: false, error };
  }
}
