import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type Database, type Session } from '../../src/index.ts';
import {
  ListenError,
  type Listening,
  listenForRepositories,
  serveRepositories,
} from '../../src/serving/index.ts';
import {
  type ArtifactDeclaration,
  type ArtifactStore,
  collectGarbage,
  createRepository,
  Downloader,
  declare,
  defineContentType,
  deleteRepository,
  directoryStore,
  type RepositoryOptions,
  type SyncOptions,
  type SyncPlugin,
  sync,
  type VersionView,
} from '../../src/sync/index.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { sha256, startFileServer } from '../sync/file-server.ts';
import { get } from './get.ts';

const run = promisify(execFile);

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string() }),
  key: ({ path }) => [path],
});

/** What its plugin does before it has made a document of half of the version. */
let inBetween: (view: VersionView) => Promise<void> = async () => {};

const listing: SyncPlugin = {
  name: 'listing',
  settings: z.any(),
  contentTypes: [file],
  first: () => [],
  async serve({ path, base }, view) {
    if (path === 'fail') throw new Error('the plugin failed, and /secret/path is its own business');
    if (path === 'two') {
      const [one] = await view.named('file', 'a');
      const files = await view.files([one!.contentId]);
      return {
        kind: 'file',
        contentId: one!.contentId,
        path: files.get(one!.contentId)![0]!.path,
        filename: 'ä"b',
      };
    }
    if (path !== '') return undefined;
    await inBetween(view);
    const names: string[] = [];
    for await (const { name } of view.contents('file')) names.push(name);
    return {
      kind: 'document',
      body: JSON.stringify({ base, number: view.number, names: names.sort() }),
      contentType: 'application/json',
    };
  },
};

describe.each(SUITE_DRIVERS)('repositories over HTTP on %s', (driver) => {
  let db: Database;
  let session: Session;
  let folder: string;
  let store: ArtifactStore;
  let downloader: Downloader;
  let server: Listening;
  let upstream: Awaited<ReturnType<typeof startFileServer>>;
  let repository: string;
  let count = 0;
  const files = new Map<string, string>();
  const failures: unknown[] = [];
  beforeAll(async () => {
    const { url } = await createTestDatabase();
    db = await connect({ url, driver });
    session = await db.startSession({ component: 'one', intervalMs: 600_000 });
    folder = await mkdtemp(join(tmpdir(), 'holdfast-serving-'));
    store = await directoryStore(join(folder, 'store'));
    downloader = new Downloader({ backoffMs: 1, retries: 1 });
    upstream = await startFileServer(files);
    server = await listenForRepositories({
      db,
      store,
      downloader,
      plugins: [listing],
      onError: (error) => failures.push(error),
    });
  });
  afterAll(async () => {
    await server?.stop();
    await downloader?.close();
    await upstream?.[Symbol.asyncDispose]();
    await db?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    repository = `r${++count}`;
    await create(repository);
    upstream.requests.length = 0;
    failures.length = 0;
    inBetween = async () => {};
  });

  const create = (name: string, options?: RepositoryOptions) => createRepository(db, name, options);
  const bodyOf = (name: string) => `bytes of ${repository}/${name}`;
  const item = (name: string, declared: Partial<ArtifactDeclaration> = {}) => {
    const key = `${repository}/${name}`;
    files.set(encodeURI(key), bodyOf(name));
    return declare(file, {
      metadata: { path: key },
      artifacts: [{ path: name, urls: [`${upstream.url}/${key}`], ...declared }],
    });
  };
  const fill = (
    names: readonly (string | ReturnType<typeof item>)[],
    options: SyncOptions = {},
    of = repository,
  ) =>
    sync(
      session,
      of,
      names.map((one) => (typeof one === 'string' ? item(one) : one)),
      { store, downloader, ...options },
    );
  const ask = (path: string, headers?: Record<string, string>, method = 'GET') =>
    get(server.url, `/${repository}/${path}`, headers, { method });
  const text = async (path: string) => {
    const { status, body } = await ask(path);
    return status === 200 ? body.toString() : status;
  };
  const stored = async () =>
    (await readdir(join(folder, 'store'), { recursive: true })).filter((name) => /[0-9a-f]{64}$/.test(name));

  test('give the newest complete version, and each one by its number', async () => {
    expect(await ask('a')).toMatchObject({ status: 404 });
    await fill(['a', 'deep/b b']);
    await fill(['a', 'c']);
    expect(await text('a')).toBe(bodyOf('a'));
    expect(await text('c')).toBe(bodyOf('c'));
    expect(await text('deep/b%20b')).toBe(404);
    expect(await text('@1/deep/b%20b')).toBe(bodyOf('deep/b b'));
    expect(await text('@1/deep%2Fb%20b')).toBe(bodyOf('deep/b b'));
    expect(await text('@1/c')).toBe(404);
    expect(await text('@3/c')).toBe(404);
    expect((await ask('@3/c')).body.toString()).toBe(`${repository} has no complete version 3\n`);
    expect((await get(server.url, '/nothing/a')).body.toString()).toBe('there is no repository nothing\n');
    expect(await get(server.url, '/')).toMatchObject({ status: 404 });
    const json = await get(server.url, '/nothing/a', { accept: 'application/json' });
    expect(JSON.parse(json.body.toString())).toEqual({ error: 'there is no repository nothing' });
  });

  test('say of a file what HTTP has words for, and the same to HEAD', async () => {
    await fill(['a']);
    const { status, headers, body } = await ask('a');
    expect(status).toBe(200);
    const said = {
      etag: `"${sha256(bodyOf('a'))}"`,
      'content-length': String(body.length),
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="a"',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    };
    expect(headers).toMatchObject(said);
    const head = await ask('a', {}, 'HEAD');
    expect(head).toMatchObject({ status: 200, headers: said, body: Buffer.of() });
    expect((await ask('@1/a')).headers['cache-control']).toBe('public, max-age=31536000, immutable');
  });

  test('send nothing to a client that has it already', async () => {
    await fill(['a']);
    const etag = (await ask('a')).headers.etag!;
    const same = await ask('a', { 'if-none-match': `"x", W/${etag}` });
    expect(same).toMatchObject({ status: 304, body: Buffer.of() });
    expect(same.headers.etag).toBe(etag);
    expect(await ask('a', { 'if-none-match': '"other"' })).toMatchObject({ status: 200 });
    // The version is older than the second it was completed in.
    await rows(
      db,
      `UPDATE holdfast.repository_version SET completed_at = completed_at - INTERVAL '1 minute' WHERE complete`,
    );
    const at = (await ask('a')).headers['last-modified']!;
    expect(await ask('a', { 'if-modified-since': at })).toMatchObject({ status: 304 });
    const before = new Date(Date.parse(at) - 1_000).toUTCString();
    expect(await ask('a', { 'if-modified-since': before })).toMatchObject({ status: 200 });
    expect(await ask('a', { 'if-modified-since': at, 'if-none-match': '"other"' })).toMatchObject({
      status: 200,
    });
  });

  test.each([
    ['bytes=0-4', 206, 0, 5],
    ['bytes=6-', 206, 6, undefined],
    ['bytes=-3', 206, -3, undefined],
    ['bytes=2-100000', 206, 2, undefined],
    ['bytes=0-1,3-4', 200, 0, undefined],
    ['lines=0-1', 200, 0, undefined],
    ['bytes=x', 200, 0, undefined],
    ['bytes=5-2', 200, 0, undefined],
  ])('give the range %s with status %i', async (range, status, from, to) => {
    await fill(['a']);
    const whole = Buffer.from(bodyOf('a'));
    const part = whole.subarray(from, to);
    const got = await ask('a', { range });
    expect(got).toMatchObject({ status, body: part });
    expect(got.headers['content-length']).toBe(String(part.length));
    const start = (from + whole.length) % whole.length;
    expect(got.headers['content-range']).toBe(
      status === 206 ? `bytes ${start}-${start + part.length - 1}/${whole.length}` : undefined,
    );
  });

  test('refuse a range behind the end, and give everything where the file is another one by now', async () => {
    await fill(['a']);
    const size = bodyOf('a').length;
    const behind = await ask('a', { range: `bytes=${size}-` });
    expect(behind).toMatchObject({ status: 416 });
    expect(behind.headers['content-range']).toBe(`bytes */${size}`);
    const etag = `"${sha256(bodyOf('a'))}"`;
    expect(await ask('a', { range: 'bytes=1-2', 'if-range': etag })).toMatchObject({ status: 206 });
    expect(await ask('a', { range: 'bytes=1-2', 'if-range': '"other"' })).toMatchObject({ status: 200 });
  });

  test('take no method but GET and HEAD', async () => {
    await fill(['a']);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      const { status, headers } = await ask('a', {}, method);
      expect([method, status, headers.allow]).toEqual([method, 405, 'GET, HEAD']);
    }
  });

  describe('of which a file is on demand', () => {
    test('fetch it once for 50 clients at a time, and never again', async () => {
      await fill(['a'], { policy: 'on demand' });
      expect(await stored()).not.toContain(sha256(bodyOf('a')));
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask('a')));
      expect(answers.every(({ body }) => body.toString() === bodyOf('a'))).toBe(true);
      expect(upstream.requests).toEqual([`${repository}/a`]);
      expect(await text('a')).toBe(bodyOf('a'));
      expect(upstream.requests).toHaveLength(1);
      expect((await stored()).filter((name) => name.endsWith(sha256(bodyOf('a'))))).toHaveLength(1);
    });

    test('fetch it for all others when a client leaves', async () => {
      await fill(['a'], { policy: 'on demand' });
      const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
      const { promise: release, resolve: answerNow } = Promise.withResolvers<void>();
      const undo = upstream.answerBy(async (_request, response) => {
        isAsked();
        await release;
        response.end(bodyOf('a'));
      });
      const leaves = new AbortController();
      const first = get(server.url, `/${repository}/a`, {}, { signal: leaves.signal });
      await asked;
      const second = ask('a');
      leaves.abort();
      await expect(first).rejects.toThrow();
      answerNow();
      expect((await second).body.toString()).toBe(bodyOf('a'));
      undo();
      expect(upstream.requests).toHaveLength(1);
      expect(failures).toEqual([]);
    });

    test('answer HEAD and conditions by what upstream declares, without a download', async () => {
      const declared = { digests: { sha256: sha256(bodyOf('a')) }, size: bodyOf('a').length };
      await fill([item('a', declared)], { policy: 'on demand' });
      const { status, headers } = await ask('a', {}, 'HEAD');
      expect([status, headers['content-length']]).toEqual([200, String(declared.size)]);
      expect(await ask('a', { 'if-none-match': headers.etag! })).toMatchObject({ status: 304 });
      expect(upstream.requests).toEqual([]);
      expect(await ask('a', { range: 'bytes=0-0' })).toMatchObject({ status: 206, body: Buffer.from('b') });
    });

    test.each([
      ['other bytes', { digests: { sha256: sha256('else') } }, 'the sha256 is wrong'],
      ['more bytes', { size: 3 }, 'the size is wrong'],
      ['nothing', { urls: ['http://127.0.0.1:9/secret'] }, 'unreachable'],
    ])('give 502 and store nothing where upstream sends %s', async (_, declared, line) => {
      await fill([item('a', declared)], { policy: 'on demand' });
      const before = await stored();
      const { status, body } = await ask('a');
      expect([status, body.toString()]).toEqual([502, expect.stringContaining(line)]);
      expect(body.toString()).not.toMatch(/secret|127\.0/);
      expect(await stored()).toEqual(before);
      expect(await readdir(store.downloads)).toEqual([]);
      expect(failures).toHaveLength(1);
    });

    test('give 504 where upstream does not answer', async () => {
      await fill(['a'], { policy: 'on demand' });
      const undo = upstream.answerBy(() => {});
      await using impatient = new Downloader({ retries: 0, headersTimeoutMs: 100 });
      const { fetch } = serveRepositories({ db, store, downloader: impatient });
      const { status } = await fetch(new Request(`http://localhost/${repository}/a`));
      undo();
      expect(status).toBe(504);
    });
  });

  test('cut an answer before its end where the store has other bytes, so that no client takes it for the whole', async () => {
    await fill(['a', 'b']);
    const path = (name: string) => {
      const digest = sha256(bodyOf(name));
      return join(folder, 'store', digest.slice(0, 2), digest.slice(2, 4), digest);
    };
    await writeFile(path('a'), bodyOf('a').replace('bytes', 'BYTES'));
    await writeFile(path('b'), bodyOf('b').slice(0, 5));
    await expect(ask('a')).rejects.toThrow(/aborted|hang up/);
    await expect(ask('b')).rejects.toThrow(/aborted|hang up/);
    await expect(ask('b', { range: 'bytes=2-8' })).rejects.toThrow(/aborted|hang up/);
    expect(failures).toHaveLength(3);
  });

  test('fetch what the store has lost, and only if it is the same', async () => {
    await fill(['a', 'b']);
    for (const name of ['a', 'b']) await store.delete(sha256(bodyOf(name)));
    expect(await text('a')).toBe(bodyOf('a'));
    files.set(`${repository}/b`, 'something else');
    expect(await text('b')).toBe(502);
  });

  test.each([
    '../../secret.txt',
    '../secret.txt',
    '%2e%2e/secret.txt',
    '%2e%2e%2fsecret.txt',
    '..%2f..%2fsecret.txt',
    '%2e%2e%5csecret.txt',
    '..\\secret.txt',
    '/secret.txt',
    '/etc/passwd',
    '%2fetc%2fpasswd',
    'a%00',
    'a/../../secret.txt',
    'a//b',
    'a/./b',
    '%',
    '%c0%ae%c0%ae/secret.txt',
    '%252e%252e/secret.txt',
    '@1/../secret.txt',
    '@1/%2e%2e/%2e%2e/secret.txt',
    '@99999999999999999999/a',
    '@-1/a',
  ])('never leave the repository: %s', async (path) => {
    await writeFile(join(folder, 'secret.txt'), 'secret');
    await fill(['a']);
    const { status, body } = await ask(path);
    expect([400, 404]).toContain(status);
    expect(body.toString()).toMatch(/^[^\n]+\n$/);
    expect(body.toString()).not.toMatch(/^secret$|root:|holdfast-serving|node_modules/);
  });

  test('refuse a path that two contents have, and take the plugin of a repository for the rest', async () => {
    const twice = (name: string) =>
      declare(file, {
        metadata: { path: `${repository}/${name}` },
        artifacts: [{ path: 'same', urls: ['http://x/y'] }],
      });
    await fill([twice('one'), twice('two')], { policy: 'on demand' });
    expect(await ask('same')).toMatchObject({ status: 409 });
    const [of, lacking] = [`${repository}-plugin`, `${repository}-lacking`];
    await create(of, { plugin: 'listing' });
    await create(lacking, { plugin: 'other' });
    await fill(['a'], {}, of);
    await fill(['a'], {}, lacking);
    const { body, headers } = await get(server.url, `/${of}`);
    const base = `${server.url}/${of}`;
    expect(JSON.parse(body.toString())).toEqual({ base, number: 1, names: [`${repository}/a`] });
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-cache' });
    expect(await get(server.url, `/${of}/`, { 'if-none-match': headers.etag! })).toMatchObject({
      status: 304,
    });
    const pinned = JSON.parse((await get(server.url, `/${of}/@1/`)).body.toString());
    expect(pinned.base).toBe(`${base}/@1`);
    expect(await get(server.url, `/${of}/a`)).toMatchObject({ status: 404 });
    expect(await get(server.url, `/${of}/fail`)).toMatchObject({
      status: 500,
      body: Buffer.from('the server failed\n'),
    });
    expect(await get(server.url, `/${lacking}/a`)).toMatchObject({ status: 501 });
  });

  test('a request sees one version, also when others come and its own goes meanwhile', async () => {
    const of = `${repository}-short`;
    await create(of, { plugin: 'listing', retain: 1 });
    await fill(['a', 'b'], {}, of);
    const names = async () => JSON.parse((await get(server.url, `/${of}`)).body.toString()).names.length;
    const seen: number[] = [];
    inBetween = async ({ number }) => {
      seen.push(number);
      if (number === 1) await fill(['a', 'c', 'd'], {}, of);
    };
    expect(await names()).toBe(3);
    // The first version was gone behind its document, so there was a second try.
    expect(seen).toEqual([1, 2]);
    const kept = `${repository}-kept`;
    await create(kept, { plugin: 'listing' });
    await fill(['a', 'b'], {}, kept);
    inBetween = async ({ number }) => {
      if (number === 1) await fill(['a', 'c', 'd'], {}, kept);
    };
    expect(JSON.parse((await get(server.url, `/${kept}`)).body.toString())).toMatchObject({
      number: 1,
      names: [`${repository}/a`, `${repository}/b`],
    });
  });

  test('stop when requests under way are answered, and accept no others', async () => {
    await fill(['a'], { policy: 'on demand' });
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    const { promise: release, resolve: answerNow } = Promise.withResolvers<void>();
    const undo = upstream.answerBy(async (_request, response) => {
      isAsked();
      await release;
      response.end(bodyOf('a'));
    });
    const other = await listenForRepositories({ db, store, downloader });
    const underWay = get(other.url, `/${repository}/a`);
    await asked;
    const stopping = other.stop({ graceMs: 60_000 });
    await expect(get(other.url, `/${repository}/a`)).rejects.toThrow(/ECONNREFUSED/);
    answerNow();
    expect((await underWay).body.toString()).toBe(bodyOf('a'));
    await stopping;
    undo();
  });

  test('cut requests that do not end within the grace time', async () => {
    await fill(['a'], { policy: 'on demand' });
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    const undo = upstream.answerBy(() => isAsked());
    const other = await listenForRepositories({ db, store });
    const underWay = get(other.url, `/${repository}/a`);
    const cut = expect(underWay).rejects.toThrow(/hang up|ECONNRESET/);
    await asked;
    await other.stop({ graceMs: 1 });
    await cut;
    undo();
  });

  test('give a file of the store back when its client leaves half-way, and tell nobody of a failure', async () => {
    const big = item('a');
    files.set(`${repository}/a`, 'x'.repeat(20_000_000));
    await fill([big]);
    const opened: Readable[] = [];
    const watched: ArtifactStore = Object.assign(Object.create(store), {
      read: async (...args: Parameters<ArtifactStore['read']>) => {
        const stream = await store.read(...args);
        opened.push(stream);
        return stream;
      },
    });
    const told: unknown[] = [];
    const onError = (error: unknown) => told.push(error);
    await using other = await listenForRepositories({ db, store: watched, downloader, onError });
    const { promise: left, resolve: hasLeft } = Promise.withResolvers<void>();
    const leaving = request(`${other.url}/${repository}/a`, { agent: false }, (response) => {
      response.once('data', () => {
        leaving.destroy();
        hasLeft();
      });
      response.on('error', () => {});
    });
    leaving.on('error', () => {});
    leaving.end();
    await left;
    const [stream] = opened;
    if (!stream!.closed) await new Promise((resolve) => stream!.once('close', resolve));
    expect((await get(other.url, `/${repository}/a`)).body.length).toBe(20_000_000);
    expect(told).toEqual([]);
  });

  test('cannot listen where another one does, and say so in one line', async () => {
    const port = Number(new URL(server.url).port);
    const second = listenForRepositories({ db, store, downloader }, { port });
    await expect(second).rejects.toThrow(
      new ListenError(`cannot listen on 127.0.0.1:${port}: the port is taken`),
    );
  });

  test('serve curl, whole and resumed, and sha256sum agrees', async () => {
    const names = Array.from({ length: 5 }, (_, n) => `pkg-${n}.bin`);
    const big = names.map((name) => item(name));
    for (const [n, name] of names.entries())
      files.set(`${repository}/${name}`, `${name}\n`.repeat(40_000 * (n + 1)));
    await fill(big, { policy: 'on demand' });
    const into = await mkdtemp(join(folder, 'curl-'));
    const urls = names.flatMap((name) => ['-O', `${server.url}/${repository}/${name}`]);
    await run('curl', ['--fail', '--silent', '--show-error', '--parallel', ...urls], { cwd: into });
    const sums = names.map((name) => `${sha256(files.get(`${repository}/${name}`)!)}  ${name}`).join('\n');
    await writeFile(join(into, 'SHA256SUMS'), `${sums}\n`);
    await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: into });
    const half = join(into, 'pkg-4.bin');
    await writeFile(half, (await readFile(half)).subarray(0, 100_000));
    await run('curl', ['--fail', '--silent', '-C', '-', '-O', `${server.url}/${repository}/pkg-4.bin`], {
      cwd: into,
    });
    await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: into });
    await expect(
      run('curl', ['--fail', '--silent', `${server.url}/${repository}/none`]),
    ).rejects.toMatchObject({ code: 22 });
  });

  test('are gone with their repository', async () => {
    await fill(['a']);
    await deleteRepository(session, repository);
    await collectGarbage(db, { store });
    expect(await text('a')).toBe(404);
  });
});
