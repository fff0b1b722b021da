import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type ArtifactStore,
  Downloader,
  type DownloaderOptions,
  type DownloadRequest,
  openStore,
} from '../../src/artifacts/index.ts';
import { digestOf, temporaryFolder } from './support/files.ts';
import { ScriptedServer, whole } from './support/server.ts';

const BODY = randomBytes(200_000);
const DIGESTS = { sha256: digestOf(BODY) };
const _ETAG = { etag: '"one"' };

let server: ScriptedServer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let into: ArtifactStore;
let downloader: Downloader;

beforeAll(async () => {
  folder = await temporaryFolder();
  into = await openStore(folder.path);
});
afterAll(() => folder[Symbol.asyncDispose]());
beforeEach(async () => {
  server = await ScriptedServer.start();
  downloader = create();
});
afterEach(async () => {
  await downloader.close();
  await server[Symbol.asyncDispose]();
  expect(await readdir(into.downloads), 'nothing is left behind').toEqual([]);
});

/** Pauses are over at once: what a test waits for is an answer. */
function create(options: DownloaderOptions = {}): Downloader {
  return new Downloader({ backoffMs: 0, retryAfterMaxMs: 0, noProxy: '*', ...options });
}

/** Downloads, reads and deletes. */
async function get(urls: string | readonly string[], more: Partial<DownloadRequest> = {}, by = downloader) {
  const file = await by.download({ urls: [urls].flat(), into, ...more });
  try {
    return { body: await readFile(file.path), file };
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

const _failure = (urls: string | readonly string[], more: Partial<DownloadRequest> = {}, by = downloader) =>
  get(urls, more, by).then(
    () => expect.fail('it was downloaded'),
    (error: unknown) => error as Error & { readonly reason?: string },
  );

describe('a download', () => {
  test('gives the bytes, their digests and their size', async () => {
    const { body, file } = await get(server.script('/a', whole(BODY)), {
      digests: DIGESTS,
      size: BODY.length,
    });
    expect(body).toEqual(BODY);
    expect(file).toMatchObject({
      size: BODY.length,
      digests: { sha256: digestOf(BODY), sha512: digestOf(BODY, 'sha512') },
      url: `${server.origin}/a`,
    });
    expect(server.requests[0]!.headers).toMatchObject({
      'accept-encoding': 'identity',
      'user-agent': 'holdfast',
    });
  });

  test('of nothing is an empty file', async () => {
    const { file } = await get(server.script('/a', whole('')), {
      size: 0,
      digests: { sha256: digestOf('') },
    });
    expect(file.size).toBe(0);
  });

  test('into a store is there afterwards', async () => {
    const url = server.script('/a', whole(BODY));
    const stored = await downloader.store({ urls: [url], into, digests: DIGESTS });
    expect(stored).toEqual({
      sha256: digestOf(BODY),
      sha512: digestOf(BODY, 'sha512'),
      size: BODY.length,
    });
    expect(await into.size(stored.sha256)).toBe(BODY.length);
  });
});
