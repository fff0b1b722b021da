import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { checkOptions, Doubling, invalidOption, pause } from '../base/index.ts';
import { checkSha256 } from './digests.ts';
import { makeFolder, sweepPartialFiles } from './download-area.ts';
import { ArtifactMissingError, ArtifactStoreError, type StoreFailure } from './errors.ts';
import { storeFailure } from './file-errors.ts';
import { checkRange } from './range.ts';
import type { ArtifactStore, ByteRange, ListedArtifact, LocalFile } from './store.ts';

/** Options of `s3Store`; but for the credentials they may stand in the query of the URL as well. */
export const s3StoreSchema = z.strictObject({
  /** URL of the server, for another one than Amazon's. Default: Amazon's for the region. */
  endpoint: z
    .url({ protocol: /^https?$/, error: 'expected a URL that begins with http:// or https://' })
    .optional(),
  /** Region of the bucket. Default: `AWS_REGION`; then `us-east-1` with an `endpoint`, else the AWS profile's. */
  region: z.string().min(1).optional(),
  /** Whether the bucket is a part of the path rather than of the host name. Default: true with an `endpoint`. */
  pathStyle: z.boolean().optional(),
  /** Folder of this machine for downloads under way. Default: one of this user in the folder for temporary files. */
  downloads: z.string().min(1).optional(),
  /** Default: what the AWS SDK finds: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, the machine's role. */
  credentials: z
    .strictObject({
      /** Access key. Give these here rather than in the environment to use several accounts. */
      accessKeyId: z.string().min(1),
      /** Secret key. */
      secretAccessKey: z.string().min(1),
      /** Token of temporary credentials. Default: none. */
      sessionToken: z.string().min(1).optional(),
    })
    .optional(),
});

export type S3StoreOptions = z.input<typeof s3StoreSchema>;

type Sdk = typeof import('@aws-sdk/client-s3');

/**
 * Keeps artifacts in a bucket of any S3-compatible server, as `<prefix>/ab/cd/<sha256>`: `s3://bucket/prefix`, with the
 * options in its query, such as `s3://bucket?endpoint=http://127.0.0.1:9000&region=eu-central-1`. Needs the package
 * `@aws-sdk/client-s3`. Asks the server once, so that a wrong bucket or wrong credentials show here.
 */
export async function s3Store(url: string, options: S3StoreOptions = {}): Promise<ArtifactStore> {
  const { bucket, prefix, query } = placeOf(url);
  const checked = checkOptions(s3StoreSchema, { ...query, ...options });
  const sdk = await loadSdk();
  const downloads = checked.downloads ?? join(tmpdir(), `holdfast-downloads-${process.getuid?.() ?? 'all'}`);
  await makeFolder(downloads);
  const { endpoint, credentials, pathStyle = endpoint !== undefined } = checked;
  const region = checked.region ?? (process.env['AWS_REGION'] || undefined);
  const client = new sdk.S3Client({
    forcePathStyle: pathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined && endpoint === undefined ? {} : { region: region ?? 'us-east-1' }),
    ...(credentials === undefined
      ? {}
      : { credentials: { ...credentials, sessionToken: credentials.sessionToken! } }),
    // Put sends the SHA-256; a server need not know of any other checksum.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It writes to the console otherwise; what matters is thrown.
    logger: SILENT,
    requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
  });
  const store = new S3Store({ sdk, client, bucket, prefix, downloads });
  try {
    await store.check();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

interface Parts {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  readonly downloads: string;
}

/** Largest object that one PUT may send. */
const LARGEST_PUT = 5 * 2 ** 30;
const PUT_ATTEMPTS = 4;

class S3Store implements ArtifactStore {
  readonly name: string;
  readonly downloads: string;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor({ sdk, client, bucket, prefix, downloads }: Parts) {
    this.name = `s3://${bucket}/${prefix}`;
    this.downloads = downloads;
    this.#sdk = sdk;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async check(): Promise<void> {
    const { ListObjectsV2Command } = this.#sdk;
    const few = { Bucket: this.#bucket, Prefix: this.#prefix, MaxKeys: 1 };
    await this.#client.send(new ListObjectsV2Command(few)).catch(this.#fail);
  }

  async put(sha256: string, { path, size }: LocalFile, signal?: AbortSignal): Promise<void> {
    const at = this.#at(sha256);
    signal?.throwIfAborted();
    const found = await stat(path).catch((error: unknown) => {
      throw storeFailure(path, error);
    });
    if (found.size !== size)
      throw new ArtifactStoreError(
        'refused',
        `${path}: it has ${found.size} bytes, and was said to have ${size}`,
      );
    if (size > LARGEST_PUT)
      throw new ArtifactStoreError(
        'refused',
        `${this.name}: an artifact may have ${LARGEST_PUT} bytes, not ${size}`,
      );
    const backoff = new Doubling(200, 5_000);
    for (let attempt = 1; ; attempt++) {
      const body = createReadStream(path);
      try {
        await this.#client.send(
          new this.#sdk.PutObjectCommand({
            ...at,
            Body: body,
            ContentLength: size,
            ContentType: 'application/octet-stream',
            // The server refuses other bytes than these.
            ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
          }),
          { ...(signal && { abortSignal: signal }) },
        );
        break;
      } catch (error) {
        signal?.throwIfAborted();
        // The SDK itself does not repeat what it sends from a stream.
        if (attempt === PUT_ATTEMPTS || !mayPass(error)) this.#fail(error);
        await pause(backoff.next(), signal);
      } finally {
        body.destroy();
      }
    }
    await rm(path, { force: true });
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.size(sha256)) !== undefined;
  }

  async size(sha256: string): Promise<number | undefined> {
    const at = this.#at(sha256);
    try {
      return (await this.#client.send(new this.#sdk.HeadObjectCommand(at))).ContentLength;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      return this.#fail(error);
    }
  }

  async read(sha256: string, range?: ByteRange, signal?: AbortSignal): Promise<Readable> {
    const at = this.#at(sha256);
    const wanted = checkRange(range);
    if (wanted && wanted.start === wanted.end) {
      if (!(await this.has(sha256))) throw new ArtifactMissingError(sha256);
      return Readable.from([]);
    }
    let found: GetObjectCommandOutput;
    try {
      found = await this.#client.send(
        new this.#sdk.GetObjectCommand({
          ...at,
          ...(wanted && { Range: `bytes=${wanted.start}-${wanted.end - 1}` }),
        }),
        { ...(signal && { abortSignal: signal }) },
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (statusOf(error) === 404) throw new ArtifactMissingError(sha256);
      // It is there, and ends before the range begins.
      if (statusOf(error) === 416) return Readable.from([]);
      return this.#fail(error);
    }
    return found.Body as Readable;
  }

  async delete(sha256: string): Promise<void> {
    const at = this.#at(sha256);
    await this.#client.send(new this.#sdk.DeleteObjectCommand(at)).catch((error: unknown) => {
      if (statusOf(error) !== 404) this.#fail(error);
    });
  }

  async *list(): AsyncGenerator<ListedArtifact> {
    const key = /^([0-9a-f]{2})\/([0-9a-f]{2})\/([0-9a-f]{64})$/;
    let token: string | undefined;
    do {
      const page = await this.#client
        .send(
          new this.#sdk.ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: this.#prefix,
            ContinuationToken: token,
          }),
        )
        .catch(this.#fail);
      for (const { Key = '', Size = 0, LastModified = new Date(0) } of page.Contents ?? []) {
        const [, first, second, sha256] = key.exec(Key.slice(this.#prefix.length)) ?? [];
        if (sha256?.startsWith(`${first}${second}`)) yield { sha256, size: Size, modifiedAt: LastModified };
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  sweepDownloads(graceMs: number): Promise<number> {
    return sweepPartialFiles(this.downloads, graceMs);
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #at(sha256: string) {
    checkSha256(sha256);
    const key = `${this.#prefix}${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
    return { Bucket: this.#bucket, Key: key };
  }

  readonly #fail = (error: unknown): never => {
    if (/region is missing/i.test(String((error as { message?: unknown } | null)?.message)))
      throw invalidOption('region', 'no region is known: set AWS_REGION, or give region=... in the URL');
    const [reason, why] = reasonOf(error);
    // Without its cause: the SDK's errors hold the request, and with it what was signed.
    throw new ArtifactStoreError(reason, `${this.name}: ${why}`);
  };
}

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;

const mayPass = (error: unknown): boolean => {
  const status = statusOf(error);
  return status === undefined ? reasonOf(error)[0] === 'unavailable' : status === 429 || status >= 500;
};

function reasonOf(error: unknown): readonly [StoreFailure, string] {
  const { name = '', code = name } = (error ?? {}) as { name?: string; code?: string };
  const status = statusOf(error);
  if (name === 'NoSuchBucket') return ['not-found', 'there is no such bucket'];
  if (/Credentials/.test(name) && status === undefined)
    return ['access', 'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'];
  if (status === 507 || /StorageFull|QuotaExceeded/.test(name)) return ['full', `no space is left (${name})`];
  if (status === 401 || status === 403) return ['access', `the server refuses these credentials (${name})`];
  if (status === undefined || status >= 500 || status === 429)
    return ['unavailable', `the server does not answer as it should (${status ?? code})`];
  return ['refused', `the server refused it (${status} ${name})`];
}

async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw invalidOption(
      'store',
      'a store in S3 needs the package @aws-sdk/client-s3: npm install @aws-sdk/client-s3',
    );
  }
}

/** The parts of `s3://bucket/prefix?option=value`. No error shows the URL, which may hold what does not belong there. */
function placeOf(text: string) {
  const url = URL.parse(text);
  if (url?.protocol !== 's3:' || url.hostname === '')
    throw invalidOption('store', 'expected s3://bucket/prefix?endpoint=...&region=...');
  if (url.username !== '' || url.password !== '')
    throw invalidOption(
      'store',
      'credentials do not belong in the URL: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host))
    throw invalidOption('store', 'a bucket has 3 to 63 lower-case letters, digits, dots and dashes');
  const { pathStyle, ...query } = Object.fromEntries(url.searchParams);
  if (pathStyle !== undefined && pathStyle !== 'true' && pathStyle !== 'false')
    throw invalidOption('pathStyle', 'expected true or false');
  const prefix = url.pathname.replaceAll(/^\/+|\/+$/g, '');
  if (/[^\w./~-]/.test(prefix))
    throw invalidOption('store', 'a prefix has letters, digits, slashes, dots, dashes and underscores');
  return {
    bucket: url.hostname,
    prefix: prefix === '' ? '' : `${prefix}/`,
    query: { ...query, ...(pathStyle === undefined ? {} : { pathStyle: pathStyle === 'true' }) },
  };
}
