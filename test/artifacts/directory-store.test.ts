import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  chmod,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type ArtifactStore, Downloader, openStore } from '../../src/artifacts/index.ts';
import { waitFor } from '../support/wait-for.ts';
import { storeConformance } from './conformance.ts';
import { allOf, bytesOf, digestOf, localFile, put, temporaryFolder } from './support/files.ts';
import { ScriptedServer, stallAfter, whole } from './support/server.ts';

const folder = await temporaryFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const freshPath = () => join(folder.path, randomUUID());
const fresh = () => openStore(freshPath());

describe('a store in a folder', () => storeConformance(fresh));

const pathOf = (store: ArtifactStore, sha256: string) =>
  join(store.name, sha256.slice(0, 2), sha256.slice(2, 4), sha256);

test('an artifact is a file in two folders named after its beginning, which everybody may read', async () => {
  const store = await fresh();
  await using server = await ScriptedServer.start();
  await using downloader = new Downloader({ noProxy: '*' });
  const { sha256 } = await downloader.store({ urls: [server.script('/a', whole('body'))], into: store });
  expect(String(await readFile(pathOf(store, sha256)))).toBe('body');
  expect((await stat(pathOf(store, sha256))).mode & 0o777).toBe(0o644 & ~process.umask());
  expect((await readdir(store.name)).sort()).toEqual([sha256.slice(0, 2), 'downloads'].sort());
});

test('putting an artifact again mends a damaged one, and a reader of the old bytes goes on', async () => {
  const store = await fresh();
  const body = randomBytes(300_000);
  const sha256 = await put(store, body);
  const reader = await store.read(sha256);
  await put(store, body);
  await rm(pathOf(store, sha256));
  expect(await bytesOf(reader)).toEqual(body);
  await mkdir(join(pathOf(store, sha256), '..'), { recursive: true });
  await writeFile(pathOf(store, sha256), 'damaged');
  await put(store, body);
  expect(await bytesOf(await store.read(sha256))).toEqual(body);
});

test('put gives the file to the disk, and then each folder that may be new', async () => {
  const store = await fresh();
  const file = await localFile(store, 'body');
  await using any = await open(file.path);
  const handles = Object.getPrototypeOf(any) as FileHandle;
  const synced: string[] = [];
  const { sync } = handles;
  vi.spyOn(handles, 'sync').mockImplementation(async function (this: FileHandle) {
    synced.push((await this.stat()).isDirectory() ? 'folder' : 'file');
    // A folder is given to the disk once the artifact stands in it.
    if (synced.length > 1) expect(await store.has(digestOf('body'))).toBe(true);
    await sync.call(this);
  });
  try {
    await store.put(digestOf('body'), file);
  } finally {
    vi.restoreAllMocks();
  }
  expect(synced).toEqual(['file', 'folder', 'folder', 'folder']);
});

test('what else lies in the folder is no artifact', async () => {
  const store = await fresh();
  const sha256 = await put(store, 'body');
  const [other, third] = [digestOf('other'), digestOf('third')];
  await writeFile(join(store.name, other), 'not in its folder');
  await writeFile(join(pathOf(store, sha256), '..', third), 'in the folder of another');
  await writeFile(join(pathOf(store, sha256), '..', `${sha256}.bak`), 'no digest');
  await mkdir(pathOf(store, other), { recursive: true });
  expect((await allOf(store.list())).map((each) => each.sha256)).toEqual([sha256]);
  expect(await store.has(other)).toBe(false);
});

test('a store whose folder somebody deleted is empty, and takes the next artifact', async () => {
  const store = await fresh();
  const sha256 = await put(store, 'body');
  await rm(store.name, { recursive: true });
  expect(await allOf(store.list())).toEqual([]);
  expect(await store.has(sha256)).toBe(false);
  expect(await store.sweepDownloads(0)).toBe(0);
  await mkdir(store.downloads, { recursive: true });
  expect(await store.has(await put(store, 'body'))).toBe(true);
});

test('a file of another file system is copied first, and then put as a whole', async (context) => {
  const store = await fresh();
  const [here, there] = await Promise.all([stat(store.name), stat('/dev/shm').catch(() => undefined)]);
  if (there === undefined || here.dev === there.dev) context.skip('there is one file system only');
  const path = join('/dev/shm', `holdfast-${randomUUID()}`);
  await writeFile(path, 'body');
  await store.put(digestOf('body'), { path, size: 4 });
  expect(String(await bytesOf(await store.read(digestOf('body'))))).toBe('body');
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await readdir(store.downloads)).toEqual([]);
});

test('a killed download leaves no artifact, and its partial file to the sweep', async () => {
  const store = await fresh();
  await using server = await ScriptedServer.start();
  const body = randomBytes(100_000);
  const url = server.script('/a', stallAfter(50_000, body), whole(body));
  const index = new URL('../../src/artifacts/index.ts', import.meta.url);
  const program = join(folder.path, `${randomUUID()}.mjs`);
  await writeFile(
    program,
    `import { Downloader, openStore } from '${index}';
    await new Downloader().store({ urls: ['${url}'], into: await openStore('${store.name}') });`,
  );
  const killed = execFile(process.execPath, [program], { env: { ...process.env, NO_PROXY: '*' } });
  const ended = new Promise((resolve) => killed.once('exit', resolve));
  await waitFor(async () => {
    const [name] = await readdir(store.downloads);
    return name !== undefined && (await stat(join(store.downloads, name))).size > 0;
  });
  killed.kill('SIGKILL');
  await ended;
  expect(await allOf(store.list())).toEqual([]);
  expect(await store.sweepDownloads(3_600_000)).toBe(0);
  const [left] = await readdir(store.downloads);
  await utimes(join(store.downloads, left!), 0, 0);
  expect(await store.sweepDownloads(3_600_000)).toBe(1);
  await using downloader = new Downloader({ noProxy: '*' });
  expect((await downloader.store({ urls: [url], into: store })).sha256).toBe(digestOf(body));
});

/** A file system of one MiB; needs the rights to mount one. */
async function smallFileSystem(): Promise<({ readonly path: string } & AsyncDisposable) | undefined> {
  const path = freshPath();
  await mkdir(path);
  const run = promisify(execFile);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'holdfast-test', path]).then(
    () => true,
    () => false,
  );
  if (!mounted) return undefined;
  return { path, [Symbol.asyncDispose]: async () => void (await run('umount', [path])) };
}

describe('a full disk', () => {
  const tooBig = randomBytes(2 * 2 ** 20);
  const fits = randomBytes(600_000);

  test('ends a download with one clear error; nothing is left of it, and the next one works', async (context) => {
    await using disk =
      (await smallFileSystem()) ?? context.skip('this user may not mount a small file system');
    const store = await openStore(join(disk.path, 'store'));
    await using server = await ScriptedServer.start();
    await using downloader = new Downloader({ noProxy: '*' });
    const urls = [server.script('/a', whole(tooBig)), server.script('/b', whole(tooBig))];
    for (let round = 0; round < 2; round++) {
      await expect(downloader.store({ urls, into: store })).rejects.toMatchObject({
        code: 'HOLDFAST_ARTIFACT_STORE',
        reason: 'full',
        message: expect.stringContaining('no space is left on the device'),
      });
      expect(await readdir(store.downloads)).toEqual([]);
    }
    // The disk is not the URL's fault.
    expect(server.asked('/b')).toEqual([]);
    const { sha256 } = await downloader.store({ urls: [server.script('/c', whole(fits))], into: store });
    expect(digestOf(await bytesOf(await store.read(sha256)))).toBe(sha256);
  });

  test('leaves no half file of a put, keeps its source, and the next put works', async (context) => {
    await using disk =
      (await smallFileSystem()) ?? context.skip('this user may not mount a small file system');
    const store = await openStore(join(disk.path, 'store'));
    const source = await localFile({ downloads: folder.path }, tooBig);
    await expect(store.put(digestOf(tooBig), source)).rejects.toMatchObject({ reason: 'full' });
    expect(await store.has(digestOf(tooBig))).toBe(false);
    expect(await readdir(store.downloads)).toEqual([]);
    expect((await stat(source.path)).size).toBe(tooBig.length);
    await store.put(digestOf(fits), await localFile({ downloads: folder.path }, fits));
    expect(await store.size(digestOf(fits))).toBe(fits.length);
  });
});

describe('openStore', () => {
  test('takes a path and a file URL', async () => {
    const path = freshPath();
    const first = await openStore(path);
    const sha256 = await put(first, 'body');
    const second = await openStore(pathToFileURL(path).href);
    expect(second.name).toBe(path);
    expect(await second.has(sha256)).toBe(true);
  });

  test.each([
    ['', 'store: expected a path, file:///path or s3://bucket/prefix'],
    ['a\0b', 'store: expected a path, file:///path or s3://bucket/prefix'],
    ['file://host/path', 'store: expected file:///path, with three slashes and without a host'],
    [
      'https://user:swordfish@host/',
      'store: expected a path, file:///path or s3://bucket/prefix, not https:',
    ],
  ])('refuses %j in one clear line', async (url, message) => {
    await expect(openStore(url)).rejects.toMatchObject({ code: 'HOLDFAST_INVALID_OPTION', message });
  });

  test('refuses a path that is a file, and one behind a file', async () => {
    const path = freshPath();
    await writeFile(path, '');
    for (const each of [path, join(path, 'deeper')]) {
      await expect(openStore(each)).rejects.toMatchObject({
        code: 'HOLDFAST_ARTIFACT_STORE',
        reason: 'not-found',
        message: `${join(each, 'downloads')}: a part of the path is not a folder`,
      });
    }
  });

  test('refuses a folder that may not be written', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may write everywhere');
    const path = freshPath();
    await mkdir(path);
    await chmod(path, 0o500);
    await expect(openStore(path)).rejects.toMatchObject({ reason: 'access' });
  });
});
