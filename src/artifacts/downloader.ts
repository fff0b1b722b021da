import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { checkOptions, Doubling, invalidOption, pause } from '../base/index.ts';
import { countDownload, DOWNLOAD_SIZE, inSpan, SERVER_ADDRESS } from '../telemetry/index.ts';
import {
  checkDigests,
  DIGEST_ALGORITHMS,
  type Digests,
  type FoundDigests,
  hasStrongDigest,
} from './digests.ts';
import {
  AllUrlsFailedError,
  DigestMismatchError,
  DownloadError,
  type DownloadPlace,
  isRemoteError,
  type RemoteError,
  SizeMismatchError,
} from './errors.ts';
import { statusFailure } from './failures.ts';
import { type HttpAnswer, HttpClient } from './http-client.ts';
import { type DownloaderOptions, downloaderSchema } from './options.ts';
import { PartialFile } from './partial-file.ts';
import type { ArtifactStore, LocalFile, StoredArtifact } from './store.ts';
import { type CheckedUrl, checkUrl } from './urls.ts';

export interface DownloadRequest {
  /** Tried one after another until one gives what is declared. */
  readonly urls: readonly (string | URL)[];
  /** Where the file is to end up; it is downloaded to the store's folder for downloads. */
  readonly into: Pick<ArtifactStore, 'downloads'>;
  /** Each of them must be met. */
  readonly digests?: Digests | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
  /** What it is, for errors, such as `file foo/bar`. */
  readonly describe?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A verified file. Disposing of it deletes it, unless a store has taken it. */
export interface DownloadedFile extends LocalFile, AsyncDisposable {
  readonly digests: FoundDigests;
  /** The URL that gave it, as errors show it. */
  readonly url: string;
}

export interface TextRequest {
  /** What it is, for errors, such as `package foo`. */
  readonly describe?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Most bytes, after decompression. Default: the downloader's `maxTextBytes`. */
  readonly maxBytes?: number | undefined;
  /** Value of the Accept header. */
  readonly accept?: string | undefined;
  /** The ETag of an earlier answer: gives `undefined` as content when nothing has changed. */
  readonly etag?: string | undefined;
}

export interface Fetched<T> {
  /** Undefined when the server says that the `etag` is still the current one. */
  readonly content: T | undefined;
  readonly etag: string | undefined;
}

/**
 * Downloads over HTTP: a file by several URLs, verified while it comes, resumed where it was cut. Each `download`, `text`
 * and `json` throws DownloadError, `download` also DigestMismatchError, SizeMismatchError, or AllUrlsFailedError where
 * several URLs failed, and ArtifactStoreError when the file cannot be written. When the signal aborts, they reject with
 * its reason. No error has a user, a password, a query or a header in it.
 */
export class Downloader implements AsyncDisposable {
  readonly #client: HttpClient;
  readonly #retries: number;
  readonly #backoffMs: number;
  readonly #retryAfterMaxMs: number;
  readonly #maxBytes: number;
  readonly #maxTextBytes: number;

  /** Throws MisuseError for options that cannot be used. */
  constructor(options?: DownloaderOptions) {
    const checked = checkOptions(downloaderSchema, options);
    this.#client = new HttpClient(checked);
    this.#retries = checked.retries ?? 4;
    this.#backoffMs = checked.backoffMs ?? 500;
    this.#retryAfterMaxMs = checked.retryAfterMaxMs ?? 120_000;
    this.#maxBytes = checked.maxBytes ?? 16 * 2 ** 30;
    this.#maxTextBytes = checked.maxTextBytes ?? 128 * 2 ** 20;
  }

  /** Downloads a file and verifies it; nothing stays behind when it fails. */
  async download(request: DownloadRequest): Promise<DownloadedFile> {
    const digests = checkDigests(request.digests ?? {});
    const { size, describe: subject, signal = NEVER } = request;
    if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0))
      throw invalidOption('size', 'expected a whole number of bytes');
    const targets = request.urls.map((url, i) => checkUrl(`urls.${i}`, url));
    if (targets.length === 0) throw invalidOption('urls', 'expected at least one');
    return await inSpan('download', {}, async (span) => {
      try {
        const file = await this.#fromAny(request.into.downloads, targets, { subject, digests, size, signal });
        countDownload('finished', file.size);
        span.set({ [SERVER_ADDRESS]: new URL(file.url).hostname, [DOWNLOAD_SIZE]: file.size });
        return file;
      } catch (error) {
        countDownload(signal.aborted ? 'canceled' : 'failed');
        throw error;
      }
    });
  }

  /** Downloads a file and puts it into the store. */
  async store(
    request: Omit<DownloadRequest, 'into'> & { readonly into: ArtifactStore },
  ): Promise<StoredArtifact> {
    await using file = await this.download(request);
    const { sha256, sha512 } = file.digests;
    await request.into.put(sha256, file, request.signal);
    return { sha256, sha512, size: file.size };
  }

  /** Gets a text in UTF-8, of a limited size. */
  async text(url: string | URL, request: TextRequest = {}): Promise<Fetched<string>> {
    const target = checkUrl('url', url);
    const { describe: subject, signal = NEVER, maxBytes = this.#maxTextBytes } = request;
    const headers = {
      'accept-encoding': 'gzip, identity;q=0.5',
      ...(request.accept === undefined ? {} : { accept: request.accept }),
      ...(request.etag === undefined ? {} : { 'if-none-match': request.etag }),
    };
    return await this.#retrying(signal, () =>
      this.#client.get({ target, subject, headers, signal }, async (answer) => {
        const etag = answer.header('etag');
        if (answer.status === 304 && request.etag !== undefined) return { content: undefined, etag };
        if (answer.status !== 200) throw refusal(answer);
        return { content: await textOf(answer, maxBytes), etag };
      }),
    );
  }

  /** Gets JSON, of a limited size; its shape is for the caller to check. */
  async json(url: string | URL, request: TextRequest = {}): Promise<Fetched<unknown>> {
    const { content, etag } = await this.text(url, { accept: 'application/json', ...request });
    if (content === undefined) return { content, etag };
    try {
      return { content: JSON.parse(content) as unknown, etag };
    } catch {
      // The error of JSON.parse quotes the text.
      const place = { url: checkUrl('url', url).shown, subject: request.describe };
      throw new DownloadError(place, 'invalid-text', 'it is not JSON');
    }
  }

  /** What is under way rejects with an AbortError; connections are closed. */
  close(): Promise<void> {
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One URL after another, until one gives what is wanted. */
  async #fromAny(folder: string, targets: readonly CheckedUrl[], wanted: Wanted): Promise<DownloadedFile> {
    const errors: RemoteError[] = [];
    for (const target of targets) {
      await using file = new PartialFile(folder, wanted.digests);
      try {
        return await this.#fill(file, target, wanted);
      } catch (error) {
        if (!isRemoteError(error)) throw error;
        errors.push(error);
      }
    }
    throw errors.length === 1 ? errors[0] : new AllUrlsFailedError(wanted.subject, errors);
  }

  /** Attempts with one URL, each of which goes on where the last one was cut if it can. */
  async #fill(file: PartialFile, target: CheckedUrl, wanted: Wanted): Promise<DownloadedFile> {
    const { subject, signal, digests: declared } = wanted;
    let etag: string | undefined;
    const [place, digests] = await this.#retrying(signal, async () => {
      const from = file.size;
      // Without an ETag only a digest tells whether the rest belongs to the beginning.
      const resumes = from > 0 && (etag !== undefined || hasStrongDigest(declared));
      const headers = {
        'accept-encoding': 'identity',
        ...(resumes ? { range: `bytes=${from}-` } : {}),
        ...(resumes && etag !== undefined ? { 'if-range': etag } : {}),
      };
      return await this.#client.get({ target, subject, headers, signal }, async (answer) => {
        if (answer.status === 200) await file.begin();
        else if (!resumes || (answer.status !== 206 && answer.status !== 416)) throw refusal(answer);
        else if (answer.status === 416 || !continues(answer, from, etag)) throw await changed(file, answer);
        etag = strongEtag(answer);
        try {
          return [answer.place, await this.#receive(file, answer, wanted)] as const;
        } catch (error) {
          const isWrong = error instanceof DigestMismatchError || error instanceof SizeMismatchError;
          // It may be the beginning of one file and the rest of another.
          throw isWrong && answer.status === 206 ? await changed(file, answer) : error;
        }
      });
    });
    await file.finish();
    const { path, size } = file;
    const discard = () => rm(path, { force: true });
    return { path, size, digests, url: place.url, [Symbol.asyncDispose]: discard };
  }

  /** The body of an answer, behind what the file has already; then all of it is verified. */
  async #receive(file: PartialFile, answer: HttpAnswer, { digests, size }: Wanted): Promise<FoundDigests> {
    const { place } = answer;
    const encoding = encodingOf(answer);
    if (encoding !== undefined && Object.keys(digests).length === 0)
      throw new DownloadError(
        place,
        'encoded',
        `the server sent it in the encoding ${encoding}, though asked not to`,
      );
    const hint = encoding === undefined ? '' : `; the server sent it in the encoding ${encoding}`;
    const most = Math.min(size ?? Infinity, this.#maxBytes);
    const tooMuch = (found: number, more: boolean) =>
      found > this.#maxBytes || size === undefined
        ? tooLarge(place, this.#maxBytes)
        : new SizeMismatchError(place, size, more ? size : found, { more, hint });
    const announced = lengthOf(answer);
    if (announced !== undefined) {
      const total = file.size + announced;
      if (total > most || (size !== undefined && total !== size)) throw tooMuch(total, false);
    }
    for await (const chunk of answer.body()) {
      if (file.size + chunk.length > most) throw tooMuch(file.size + chunk.length, true);
      await file.append(chunk);
    }
    if (size !== undefined && file.size !== size)
      throw new SizeMismatchError(place, size, file.size, { hint });
    const found = file.digests();
    for (const algorithm of DIGEST_ALGORITHMS) {
      const expected = digests[algorithm];
      if (expected !== undefined && found[algorithm] !== expected)
        throw new DigestMismatchError(place, algorithm, expected, found[algorithm]!, hint);
    }
    return found;
  }

  async #retrying<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    const backoff = new Doubling(this.#backoffMs, Math.max(this.#backoffMs, LONGEST_BACKOFF_MS));
    for (let left = this.#retries; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof DownloadError) || !error.retryable || left === 0) throw error;
        const asked = error.retryAfterMs;
        await pause(asked === undefined ? backoff.next() : Math.min(asked, this.#retryAfterMaxMs), signal);
      }
    }
  }
}

interface Wanted {
  readonly subject: string | undefined;
  readonly digests: Digests;
  readonly size: number | undefined;
  readonly signal: AbortSignal;
}

const NEVER = new AbortController().signal;
const LONGEST_BACKOFF_MS = 30_000;

const refusal = ({ place, status, header }: HttpAnswer) =>
  statusFailure(place, status, header('retry-after'));

const tooLarge = (place: DownloadPlace, most: number) =>
  new DownloadError(place, 'too-large', `it has more than the ${most} bytes that are allowed`);

/** The next attempt begins anew, at once. */
async function changed(file: PartialFile, { place }: HttpAnswer): Promise<DownloadError> {
  await file.begin();
  const message = 'the file on the server changed while it was downloaded';
  return new DownloadError(place, 'interrupted', message, { retryable: true, retryAfterMs: 0 });
}

/** Whether a partial answer is the rest that was asked for, of the same file. */
function continues(answer: HttpAnswer, from: number, etag: string | undefined): boolean {
  const [, start] = /^bytes (\d+)-/.exec(answer.header('content-range') ?? '') ?? [];
  return Number(start) === from && (etag === undefined || answer.header('etag') === etag);
}

function strongEtag(answer: HttpAnswer): string | undefined {
  const etag = answer.header('etag');
  return etag?.startsWith('"') ? etag : undefined;
}

function encodingOf(answer: HttpAnswer): string | undefined {
  const encoding = answer.header('content-encoding')?.trim().toLowerCase();
  return encoding === '' || encoding === 'identity' ? undefined : encoding;
}

function lengthOf(answer: HttpAnswer): number | undefined {
  const length = answer.header('content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

async function textOf(answer: HttpAnswer, most: number): Promise<string> {
  const { place } = answer;
  const encoding = encodingOf(answer);
  if (encoding !== undefined && encoding !== 'gzip')
    throw new DownloadError(
      place,
      'encoded',
      `the server sent it in the encoding ${encoding}, though asked not to`,
    );
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of encoding === 'gzip' ? unzipped(answer) : answer.body()) {
    size += chunk.length;
    if (size > most) throw tooLarge(place, most);
    parts.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new DownloadError(place, 'invalid-text', 'it is not UTF-8');
  }
}

async function* unzipped(answer: HttpAnswer): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const feeding = pipeline(answer.body(), gunzip);
  // It fails with the stream that is read here.
  feeding.catch(() => {});
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (error) {
    if (!String((error as { code?: unknown }).code).startsWith('Z_')) throw error;
    throw new DownloadError(answer.place, 'encoded', 'what the server sent as gzip is not gzip', {
      cause: error,
    });
  }
}
