import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ArtifactStore, LocalFile } from '../../../src/artifacts/index.ts';

export const digestOf = (body: string | Buffer, algorithm = 'sha256'): string =>
  createHash(algorithm).update(body).digest('hex');

/** A folder for one test. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-artifacts-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

let files = 0;

/** A finished download in the store's folder. */
export async function localFile(
  store: Pick<ArtifactStore, 'downloads'>,
  body: string | Buffer,
): Promise<LocalFile> {
  const path = join(store.downloads, `finished-${process.pid}-${files++}`);
  await writeFile(path, body);
  return { path, size: Buffer.byteLength(body) };
}

/** Puts it, and gives its SHA-256. */
export async function put(store: ArtifactStore, body: string | Buffer): Promise<string> {
  const sha256 = digestOf(body);
  await store.put(sha256, await localFile(store, body));
  return sha256;
}

export const bytesOf = (stream: Readable): Promise<Buffer> => buffer(stream);

export async function allOf<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
