import { type FileHandle, open, rm } from 'node:fs/promises';
import { Digester, type Digests, type FoundDigests } from './digests.ts';
import { makeFolder, partialPath } from './download-area.ts';
import { storeFailure } from './file-errors.ts';

/** A download under way: a file once bytes come, how far it is, and the digests so far. */
export class PartialFile implements AsyncDisposable {
  readonly path: string;
  readonly #folder: string;
  readonly #declared: Digests;
  #file: FileHandle | undefined;
  #digester: Digester;
  #size = 0;
  #isFinished = false;

  constructor(folder: string, declared: Digests) {
    this.path = partialPath(folder);
    this.#folder = folder;
    this.#declared = declared;
    this.#digester = new Digester(declared);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Forgets everything so far; the first time it opens the file, so that a download that waits holds none. */
  async begin(): Promise<void> {
    try {
      if (this.#size > 0) await this.#file!.truncate(0);
      this.#file ??= await this.#open();
    } catch (error) {
      throw storeFailure(this.#folder, error);
    }
    this.#size = 0;
    this.#digester = new Digester(this.#declared);
  }

  async append(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await this.#file!.write(chunk, done, chunk.length - done, this.#size + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw storeFailure(this.path, error);
    }
    this.#digester.update(chunk);
    this.#size += chunk.length;
  }

  /** Once, when everything is there. */
  digests(): FoundDigests {
    return this.#digester.digests();
  }

  /** The file stays. */
  async finish(): Promise<void> {
    await this.#file!.close().catch((error: unknown) => {
      throw storeFailure(this.path, error);
    });
    this.#isFinished = true;
  }

  /** Deletes the file unless it is finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFinished || !this.#file) return;
    await this.#file.close().catch(() => {});
    await rm(this.path, { force: true });
  }

  async #open(): Promise<FileHandle> {
    // Somebody may have deleted the folder since the store was opened.
    await makeFolder(this.#folder);
    return await open(this.path, 'wx', 0o644);
  }
}
