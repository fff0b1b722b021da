import { z } from 'zod';
import {
  ArtifactMissingError,
  type ArtifactStore,
  type Digests,
  type Downloader,
} from '../artifacts/index.ts';
import { type Database, reading } from '../client/index.ts';
import {
  artifactsOf,
  fillArtifacts,
  remotesOfFile,
  reserveArtifacts,
  settleArtifacts,
} from '../queries/repositories.ts';
import type { Executor } from '../query/index.ts';

/** Fetches files that are on demand: each once, however many ask for it in this process. */
export class OnDemand {
  /** Its statements are right whatever runs beside them, and are retried. */
  readonly #on: Executor;
  readonly #store: ArtifactStore;
  readonly #downloader: Downloader;
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(on: Database, store: ArtifactStore, downloader: Downloader) {
    this.#on = reading(on);
    this.#store = store;
    this.#downloader = downloader;
  }

  /**
   * The SHA-256 of a file that is in the store afterwards. Every remote that has it is tried. Throws ArtifactMissingError when
   * no remote has it any more, and as `downloader.download`. Who gives up waiting stops nobody else's download.
   */
  fetch(contentId: string, path: string, describe = path): Promise<string> {
    const key = `${contentId} ${path}`;
    let fetching = this.#underWay.get(key);
    if (!fetching) {
      fetching = this.#fetch(contentId, path, describe).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, fetching);
    }
    return fetching;
  }

  async #fetch(contentId: string, path: string, describe: string): Promise<string> {
    // Another one may have had it meanwhile. Bytes that the store has lost are fetched again, if they are the same.
    const files = await artifactsOf(this.#on, { contentIds: [contentId] });
    const known = files.find((one) => one.path === path);
    const digest = known?.sha256 ?? undefined;
    if (digest !== undefined && known?.state === 'stored' && (await this.#store.has(digest))) return digest;
    const remotes = await remotesOfFile(this.#on, { contentId, path });
    if (remotes.length === 0) throw new ArtifactMissingError(digest ?? describe);
    const sha256 = await storeFile(this.#on, this.#store, this.#downloader, {
      remotes,
      describe,
      ...(digest === undefined ? {} : { digests: { sha256: digest } }),
    });
    await fillArtifacts(this.#on, { contentIds: [contentId], paths: [path], sha256s: [sha256] });
    return sha256;
  }
}

const digestsSchema = z.record(z.string(), z.string());
const urlsSchema = z.array(z.string());

/** @internal Downloads a file that remotes have into the store, and tells the database before and behind. */
export async function storeFile(
  on: Executor,
  store: ArtifactStore,
  downloader: Downloader,
  {
    remotes,
    digests,
    describe,
  }: {
    readonly remotes: readonly { urls: unknown; digests: unknown; size?: bigint | null }[];
    readonly digests?: Digests;
    readonly describe: string;
  },
): Promise<string> {
  const size = remotes.find((one) => one.size !== null && one.size !== undefined)?.size;
  await using file = await downloader.download({
    urls: remotes.flatMap(({ urls }) => urlsSchema.parse(urls)),
    digests: { ...digestsSchema.parse(remotes[0]!.digests), ...digests },
    size: size === null || size === undefined ? undefined : Number(size),
    into: store,
    describe,
  });
  const { sha256, sha512 } = file.digests;
  await reserveArtifacts(on, { sha256s: [sha256], sha512s: [sha512], sizes: [BigInt(file.size)] });
  await store.put(sha256, file);
  await settleArtifacts(on, { sha256s: [sha256] });
  return sha256;
}
