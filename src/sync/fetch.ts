import { z } from 'zod';
import {
  ArtifactMissingError,
  type ArtifactStore,
  type Digests,
  type Downloader,
} from '../artifacts/index.ts';
import type { Database } from '../client/index.ts';
import { fillArtifacts, remotesOfFile, reserveArtifacts, settleArtifacts } from '../queries/repositories.ts';
import type { Executor } from '../query/index.ts';

/** Fetches files that are on demand: each once, however many ask for it in this process. */
export class OnDemand {
  readonly #on: Database;
  readonly #store: ArtifactStore;
  readonly #downloader: Downloader;
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(on: Database, store: ArtifactStore, downloader: Downloader) {
    this.#on = on;
    this.#store = store;
    this.#downloader = downloader;
  }

  /**
   * The SHA-256 of a file that is in the store afterwards. Every remote that has it is tried. `sha256`: what the file is known
   * to be, where the store has lost its bytes. Throws ArtifactMissingError when no remote has it any more, and as
   * `downloader.download`. Who gives up waiting stops nobody else's download.
   */
  fetch(contentId: string, path: string, describe = path, sha256?: string): Promise<string> {
    const key = `${contentId} ${path}`;
    let fetching = this.#underWay.get(key);
    if (!fetching) {
      fetching = this.#fetch(contentId, path, describe, sha256).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, fetching);
    }
    return fetching;
  }

  async #fetch(
    contentId: string,
    path: string,
    describe: string,
    known: string | undefined,
  ): Promise<string> {
    const remotes = await remotesOfFile(this.#on, { contentId, path });
    const [first] = remotes;
    if (!first) throw new ArtifactMissingError(known ?? describe);
    const sha256 = await storeFile(this.#on, this.#store, this.#downloader, {
      remotes,
      describe,
      ...(known === undefined ? {} : { digests: { sha256: known } }),
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
