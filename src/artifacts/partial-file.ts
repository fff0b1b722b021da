import { type FileHandle, open, rm } from 'node:fs/promises';
import { Digester, type Digests, type FoundDigests } from './digests.ts';
import { makeFolder, partialPath } from './download-area.ts';
import { storeFailure } from './file-errors.ts';

/** A download under way: a file, how far it is, and the digests so far. */
export class PartialFile implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #declared: Digests;
  #digester: Digester;
  #size = 0;
  #isFinished = false;

  private constructor(path: string, file: FileHandle, declared: Digests) {
    this.path = path;
    this.#file = file;
    this.#declared = declared;
    this.#digester = new Digester(declared);
  }

  static async create(folder: string, declared: Digests): Promise<PartialFile> {
    const path = partialPath(folder);
    // Somebody may have deleted the folder since the store was opened.
    await makeFolder(folder);
    const file = await open(path, 'wx', 0o644).catch((error: unknown) => {
      throw storeFailure(folder, error);
    });
    return new PartialFile(path, file, declared);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  async append(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, this.#size + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw storeFailure(this.path, error);
    }
    this.#digester.update(chunk);
    this.#size += chunk.length;
  }

  /** Forgets everything so far. */
  async restart(): Promise<void> {
    if (this.#size === 0) return;
    await this.#file.truncate(0).catch((error: unknown) => {
      throw storeFailure(this.path, error);
    });
    this.#size = 0;
    this.#digester = new Digester(this.#declared);
  }

  /** Once, when everything is there. */
  digests(): FoundDigests {
    return this.#digester.digests();
  }

  /** The file stays. */
  async finish(): Promise<void> {
    await this.#file.close().catch((error: unknown) => {
      throw storeFailure(this.path, error);
    });
    this.#isFinished = true;
  }

  /** Deletes the file unless it is finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFinished) return;
    await this.#file.close().catch(() => {});
    await rm(this.path, { force: true });
  }
}
