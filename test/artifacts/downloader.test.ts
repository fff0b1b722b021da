import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  AllUrlsFailedError,
  type ArtifactStore,
  DigestMismatchError,
  Downloader,
  type DownloaderOptions,
  type DownloadRequest,
  openStore,
  SizeMismatchError,
} from '../../src/artifacts/index.ts';
import { MisuseError } from '../../src/base/index.ts';
import { waitFor } from '../support/wait-for.ts';
import { digestOf, temporaryFolder } from './support/files.ts';
import {
  type Answer,
  cutAfter as cutAfterReceipt,
  ranged,
  redirect,
  ScriptedServer,
  silent,
  stallAfter,
  status,
  whole,
} from './support/server.ts';

const BODY = randomBytes(200_000);
const OTHER = randomBytes(200_000);
const DIGESTS = { sha256: digestOf(BODY) };
const ETAG = { etag: '"one"' };
/** A test that waits for it does not end. */
const HOUR_MS = 3_600_000;

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

/** What the one download under way has written has this size. */
const written = (bytes: number) =>
  waitFor(async () => {
    const [name] = await readdir(into.downloads);
    return name !== undefined && (await stat(join(into.downloads, name))).size === bytes;
  });

/** Cuts the connection when the downloader has written what came: what it has not read yet is lost with it. */
const cutAfter = (bytes: number, body: Buffer, headers: Record<string, string> = {}): Answer =>
  cutAfterReceipt(bytes, body, headers, () => written(bytes));

/** Downloads, reads and deletes. */
async function get(urls: string | readonly string[], more: Partial<DownloadRequest> = {}, by = downloader) {
  const file = await by.download({ urls: [urls].flat(), into, ...more });
  try {
    return { body: await readFile(file.path), file };
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

const failure = (urls: string | readonly string[], more: Partial<DownloadRequest> = {}, by = downloader) =>
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

describe('what is declared', () => {
  test('another digest is an error that names both, the URL and the item; nothing is kept', async () => {
    const url = server.script('/a', whole(OTHER));
    const error = await failure(`${url}?token=swordfish`, { digests: DIGESTS, describe: 'file foo/bar' });
    expect(error).toBeInstanceOf(DigestMismatchError);
    expect(error).toMatchObject({
      code: 'HOLDFAST_DIGEST_MISMATCH',
      algorithm: 'sha256',
      expected: digestOf(BODY),
      found: digestOf(OTHER),
      subject: 'file foo/bar',
      url: `${url}?...`,
      message: `file foo/bar from ${url}?...: the sha256 is ${digestOf(OTHER)}, expected ${digestOf(BODY)}`,
    });
    expect(server.requests).toHaveLength(1);
  });

  test.each(['sha512', 'sha384', 'sha256', 'sha1', 'md5'])('%s is verified', async (algorithm) => {
    const url = server.script('/a', whole(BODY));
    const { file } = await get(url, { digests: { [algorithm]: digestOf(BODY, algorithm).toUpperCase() } });
    expect(file.digests).toHaveProperty(algorithm, digestOf(BODY, algorithm));
    const error = await failure(url, { digests: { [algorithm]: digestOf(OTHER, algorithm) } });
    expect(error).toMatchObject({ algorithm, expected: digestOf(OTHER, algorithm) });
  });

  test('all digests are verified, not one of them', async () => {
    const url = server.script('/a', whole(BODY));
    const digests = { sha512: digestOf(BODY, 'sha512'), md5: digestOf(OTHER, 'md5') };
    expect(await failure(url, { digests })).toMatchObject({ algorithm: 'md5' });
  });

  test('a size that is announced wrongly is refused before a byte comes', async () => {
    const url = server.script('/a', stallAfter(0, BODY));
    expect(await failure(url, { size: 10, describe: 'file a' })).toMatchObject({
      code: 'HOLDFAST_SIZE_MISMATCH',
      expected: 10,
      found: BODY.length,
      message: `file a from ${url}: the size is ${BODY.length} bytes, expected 10 bytes`,
    });
  });

  test('an endless body ends at the declared size', async () => {
    const url = server.script('/a', endless);
    const error = await failure(url, { size: 100_000 });
    expect(error).toBeInstanceOf(SizeMismatchError);
    expect(error).toMatchObject({ expected: 100_000, found: 100_000, more: true });
    expect(error.message).toContain('more than 100000 bytes');
  });

  test('an endless body without a declared size ends at maxBytes', async () => {
    await using by = create({ maxBytes: 50_000 });
    const error = await failure(server.script('/a', endless), {}, by);
    expect(error).toMatchObject({ code: 'HOLDFAST_DOWNLOAD', reason: 'too-large' });
    expect(await failure(server.script('/b', stallAfter(0, BODY)), {}, by)).toMatchObject({
      reason: 'too-large',
    });
    const declared = await failure(server.script('/c', stallAfter(0, BODY)), { size: BODY.length }, by);
    expect(declared).toMatchObject({ reason: 'too-large' });
  });

  test('a short body of unknown length is a size mismatch', async () => {
    const url = server.script('/a', (response) => {
      response.write(BODY.subarray(0, 40));
      response.end(BODY.subarray(40, 100));
    });
    expect(await failure(url, { size: BODY.length })).toMatchObject({ expected: BODY.length, found: 100 });
  });

  test('bytes behind the announced length are none of the file', async () => {
    const url = server.script('/a', (response) => {
      response.socket!.write(`HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n`);
      response.socket!.end(Buffer.concat([BODY, OTHER]));
    });
    expect((await get(url, { digests: DIGESTS })).body).toEqual(BODY);
  });

  test.each<[Record<string, string>, string]>([
    [{ sha256: 'abc' }, 'digests.sha256: expected 64 hexadecimal digits'],
    [{ sha257: 'abc' }, 'digests.sha257: expected one of sha512, sha384, sha256, sha1, md5'],
    [{ sha256: `${digestOf('a').slice(1)}\n` }, 'digests.sha256: expected 64 hexadecimal digits'],
  ])('%j is no digest', async (digests, message) => {
    const error = await failure(`${server.origin}/a`, { digests });
    expect(error).toBeInstanceOf(MisuseError);
    expect(error.message).toBe(message);
  });

  test.each([[-1], [1.5], [Number.NaN]])('%d is no size', async (size) => {
    expect(await failure(`${server.origin}/a`, { size })).toBeInstanceOf(MisuseError);
  });
});

describe('several URLs', () => {
  test('the next one is tried when one gives something else', async () => {
    const urls = [
      server.script('/wrong', whole(OTHER)),
      server.script('/short', whole('short')),
      server.script('/gone', status(404)),
      server.script('/cut', cutAfter(10, BODY)),
      server.script('/good', whole(BODY)),
      server.script('/never', whole(BODY)),
    ];
    await using by = create({ retries: 0 });
    const { body, file } = await get(urls, { digests: DIGESTS }, by);
    expect(body).toEqual(BODY);
    expect(file.url).toBe(`${server.origin}/good`);
    expect(server.asked('/never')).toEqual([]);
  });

  test('when all fail there is one error, which says of each why', async () => {
    const urls = [server.script('/a', status(404)), server.script('/b', whole(OTHER))];
    const error = await failure(urls, { digests: DIGESTS, describe: 'file foo' });
    expect(error).toBeInstanceOf(AllUrlsFailedError);
    expect(error).toMatchObject({
      code: 'HOLDFAST_ALL_URLS_FAILED',
      errors: [{ reason: 'status', status: 404 }, { algorithm: 'sha256' }],
    });
    expect(error.message).toMatch(
      /^file foo: none of 2 URLs gave it: .*\/a: the server answered 404; .*\/b: the sha256/,
    );
  });

  test('what the store cannot do is not the fault of a URL', async () => {
    const urls = [server.script('/a', whole(BODY)), server.script('/b', whole(BODY))];
    const error = await failure(urls, { into: { downloads: '/dev/null/downloads' } });
    expect(error).toMatchObject({ code: 'HOLDFAST_ARTIFACT_STORE', reason: 'not-found' });
    expect(server.requests.map(({ path }) => path)).toEqual(['/a']);
  });

  test.each([[''], ['no url'], ['ftp://host/a'], ['file:///etc/passwd'], ['https://user:swordfish@']])(
    '%j is no URL, and the error does not show it',
    async (url) => {
      const error = await failure([`${server.origin}/a`, url]);
      expect(error.message).toBe('urls.1: expected a URL that begins with http:// or https://');
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('swordfish');
    },
  );
});

describe('another attempt', () => {
  test.each([408, 425, 429, 500, 502, 503, 504])('follows the status %d', async (code) => {
    const { body } = await get(server.script('/a', status(code), status(code), whole(BODY)));
    expect(body).toEqual(BODY);
  });

  test.each([400, 401, 403, 404, 410, 304, 204, 206])('does not follow the status %d', async (code) => {
    const error = await failure(server.script('/a', status(code), whole(BODY)));
    expect(error).toMatchObject({ code: 'HOLDFAST_DOWNLOAD', reason: 'status', status: code });
    expect(server.requests).toHaveLength(1);
  });

  test('there are so many of them, and no more', async () => {
    await using by = create({ retries: 2 });
    expect(await failure(server.script('/a', status(500)), {}, by)).toMatchObject({ status: 500 });
    expect(server.requests).toHaveLength(3);
  });

  test.each(['0', new Date(0).toUTCString()])('comes when Retry-After says so: %s', async (after) => {
    await using by = create({ backoffMs: HOUR_MS, retryAfterMaxMs: HOUR_MS });
    const answers = [429, 503].map((code) => status(code, { 'retry-after': after }));
    expect((await get(server.script('/a', ...answers, whole(BODY)), {}, by)).body).toEqual(BODY);
  });

  test('does not wait longer than the most that is allowed', async () => {
    await using by = create({ backoffMs: HOUR_MS, retryAfterMaxMs: 1 });
    const later = new Date(Date.now() + HOUR_MS).toUTCString();
    const answers = ['3600', later].map((after) => status(503, { 'retry-after': after }));
    expect((await get(server.script('/a', ...answers, whole(BODY)), {}, by)).body).toEqual(BODY);
  });

  test('waits for as long as Retry-After says, and so does everything else of that host', async () => {
    await using by = create({ retryAfterMaxMs: HOUR_MS });
    await using elsewhere = await ScriptedServer.start();
    const abort = new AbortController();
    const asked = failure(
      server.script('/a', status(429, { 'retry-after': '3600' })),
      { signal: abort.signal },
      by,
    );
    await waitFor(async () => server.open === 0 && server.requests.length === 1);
    // It was answered, and the answer was read when another host's download is done.
    await get(elsewhere.script('/b', whole(BODY)), {}, by);
    const behind = failure(server.script('/c', whole(BODY)), { signal: abort.signal }, by);
    await get(elsewhere.script('/d', whole(BODY)), {}, by);
    abort.abort(new Error('enough'));
    expect([(await asked).message, (await behind).message]).toEqual(['enough', 'enough']);
    expect(server.requests).toHaveLength(1);
  });

  test('follows a host that refuses connections, and one whose name is not known', async () => {
    const { port } = await freedPort();
    await using by = create({ retries: 1 });
    expect(await failure(`http://127.0.0.1:${port}/a`, {}, by)).toMatchObject({
      reason: 'unreachable',
      message: `http://127.0.0.1:${port}/a: no connection could be made (ECONNREFUSED)`,
    });
  });
});

describe('a cut body', () => {
  test('is gone on with where it ended, under the condition that the file is the same', async () => {
    const url = server.script('/a', cutAfter(50_000, BODY, ETAG), ranged(BODY, ETAG));
    expect((await get(url)).body).toEqual(BODY);
    const [, second] = server.requests;
    expect(second!.headers).toMatchObject({ range: 'bytes=50000-', 'if-range': '"one"' });
  });

  test('is gone on with without an ETag when a digest tells whether it is the same', async () => {
    const url = server.script('/a', cutAfter(50_000, BODY), ranged(BODY));
    expect((await get(url, { digests: DIGESTS, size: BODY.length })).body).toEqual(BODY);
    expect(server.requests[1]!.headers).toHaveProperty('range');
  });

  test.each([{}, { etag: 'W/"weak"' }])(
    'begins anew without a digest and with headers %j',
    async (headers) => {
      const url = server.script('/a', cutAfter(50_000, BODY, headers), ranged(BODY, headers));
      expect((await get(url, { digests: { md5: digestOf(BODY, 'md5') } })).body).toEqual(BODY);
      expect(server.requests[1]!.headers).not.toHaveProperty('range');
    },
  );

  test('begins anew when the server ignores ranges', async () => {
    const url = server.script('/a', cutAfter(50_000, BODY, ETAG), whole(BODY, ETAG));
    expect((await get(url, { digests: DIGESTS })).body).toEqual(BODY);
    expect(server.requests[1]!.headers).toHaveProperty('range');
  });

  test('begins anew when the file has changed meanwhile', async () => {
    const url = server.script('/a', cutAfter(50_000, OTHER, { etag: '"old"' }), ranged(BODY, ETAG));
    expect((await get(url)).body).toEqual(BODY);
  });

  const partial =
    (headers: Record<string, string>, body = BODY.subarray(50_000)): Answer =>
    (response) =>
      response.writeHead(206, headers).end(body);
  const range = `bytes 50000-${BODY.length - 1}/${BODY.length}`;

  test.each<[string, Answer]>([
    ['416', status(416)],
    ['206 of another file', partial({ etag: '"two"', 'content-range': range })],
    ['206 of another range', partial({ ...ETAG, 'content-range': 'bytes 0-9/10' })],
    ['206 that does not say of what', partial(ETAG)],
  ])('begins anew at once after %s', async (_, answer) => {
    await using by = create({ retries: 2, backoffMs: 0 });
    const url = server.script('/a', cutAfter(50_000, BODY, ETAG), answer, whole(BODY, ETAG));
    expect((await get(url, {}, by)).body).toEqual(BODY);
    expect(server.requests.map(({ headers }) => 'range' in headers)).toEqual([false, true, false]);
  });

  test('begins anew when beginning and rest are of two files, which only the digest shows', async () => {
    const url = server.script('/a', cutAfter(50_000, OTHER), ranged(BODY), whole(BODY));
    expect((await get(url, { digests: DIGESTS })).body).toEqual(BODY);
    expect(server.requests).toHaveLength(3);
  });

  test('goes on as often as it is cut, within the retries', async () => {
    let cuts = 0;
    const url = server.script('/a', async (response, request) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (cuts++ === 4) return ranged(BODY, ETAG)(response, request);
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': BODY.length - from,
        ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${BODY.length - 1}/${BODY.length}` }),
        ...ETAG,
      });
      response.write(BODY.subarray(from, from + 20_000));
      await written(from + 20_000);
      return response.destroy();
    });
    expect((await get(url, { digests: DIGESTS })).body).toEqual(BODY);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      ...[20_000, 40_000, 60_000, 80_000].map((from) => `bytes=${from}-`),
    ]);
  });

  test('that never ends whole is an error', async () => {
    await using by = create({ retries: 1 });
    const error = await failure(server.script('/a', cutAfter(10, BODY)), {}, by);
    expect(error).toMatchObject({ code: 'HOLDFAST_DOWNLOAD', reason: 'interrupted' });
  });
});

describe('time limits', () => {
  test('a server that never answers', async () => {
    await using by = create({ headersTimeoutMs: 50, retries: 1 });
    const error = await failure(server.script('/a', silent), {}, by);
    expect(error).toMatchObject({
      reason: 'timeout',
      message: expect.stringContaining('did not answer in time'),
    });
    expect(server.requests).toHaveLength(2);
  });

  test('a body that stands still is cut, and gone on with', async () => {
    await using by = create({ idleTimeoutMs: 50 });
    const url = server.script('/a', stallAfter(50_000, BODY), ranged(BODY));
    expect((await get(url, { digests: DIGESTS }, by)).body).toEqual(BODY);
    await using once = create({ idleTimeoutMs: 50, retries: 0 });
    expect(await failure(server.script('/b', stallAfter(10, BODY)), {}, once)).toMatchObject({
      reason: 'timeout',
      message: expect.stringContaining('sent nothing for too long'),
    });
  });
});

describe('compressed though asked not to', () => {
  const encoded = whole(gzipSync(BODY), { 'content-encoding': 'gzip' });

  test('is refused where no digest tells what was meant', async () => {
    const url = server.script('/a', encoded);
    const error = await failure(url, { describe: 'file a' });
    expect(error).toMatchObject({
      reason: 'encoded',
      message: `file a from ${url}: the server sent it in the encoding gzip, though asked not to`,
    });
  });

  test('is the file when its digest is that of the bytes that came', async () => {
    const digests = { sha256: digestOf(gzipSync(BODY)) };
    expect((await get(server.script('/a', encoded), { digests })).body).toEqual(gzipSync(BODY));
  });

  test('is said beside the digest that does not fit', async () => {
    const error = await failure(server.script('/a', encoded), { digests: DIGESTS });
    expect(error).toBeInstanceOf(DigestMismatchError);
    expect(error.message).toMatch(/; the server sent it in the encoding gzip$/);
  });
});

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])(
    '%d is followed, also to another host and by a relative URL',
    async (code) => {
      await using other = await ScriptedServer.start();
      const end = other.script('/c', whole(BODY));
      const url = server.script('/a', redirect('/b?x=1', code));
      server.script('/b', redirect(end, code));
      const { body, file } = await get(url, { digests: DIGESTS });
      expect(body).toEqual(BODY);
      expect(file.url).toBe(end);
    },
  );

  test('without end are an error', async () => {
    const url = server.script('/a', redirect('/a'));
    expect(await failure(url)).toMatchObject({ reason: 'redirect' });
    expect(server.requests).toHaveLength(11);
  });

  test.each(['ftp://host/a', 'file:///etc/passwd', 'http://', 'javascript:alert(1)'])(
    'to %s are refused',
    async (to) => {
      expect(await failure(server.script('/a', redirect(to)))).toMatchObject({
        reason: 'redirect',
        message: expect.stringContaining('it redirects to what is no HTTP URL'),
      });
    },
  );

  test('a redirect without a location is a status', async () => {
    expect(await failure(server.script('/a', status(302)))).toMatchObject({ reason: 'status', status: 302 });
  });

  test('a password in the URL and the headers of a host go to that host alone', async () => {
    await using other = await ScriptedServer.start();
    await using by = create({
      headers: {
        [server.origin]: { 'X-Key': 'swordfish' },
        [other.origin]: { authorization: 'Bearer of the other' },
      },
    });
    const end = other.script('/c', whole(BODY));
    server.script('/a', redirect('/b'));
    server.script('/b', redirect(`http://eve:evil@127.0.0.1:${other.port}/c`));
    await get(`http://user:pass%20word@127.0.0.1:${server.port}/a`, {}, by);
    for (const { headers } of server.requests) {
      expect(headers).toMatchObject({
        'x-key': 'swordfish',
        authorization: `Basic ${Buffer.from('user:pass word').toString('base64')}`,
      });
    }
    expect(other.requests[0]!.headers).toMatchObject({ authorization: 'Bearer of the other' });
    expect(other.requests[0]!.headers).not.toHaveProperty('x-key');
    const plain = await ScriptedServer.start();
    server.script('/b', redirect(plain.script('/c', whole(BODY))));
    await get(`http://user:password@127.0.0.1:${server.port}/a`, {}, by);
    expect(plain.requests[0]!.headers).not.toHaveProperty('authorization');
    expect(plain.requests[0]!.headers).not.toHaveProperty('cookie');
    await plain[Symbol.asyncDispose]();
    expect(end).toContain('/c');
  });
});

test.each<[string, Answer]>([
  ['a status', status(403)],
  ['a wrong digest', whole(OTHER)],
  ['a cut', cutAfter(5, BODY)],
  ['a redirect', redirect('ftp://user:swordfish@host/?k=swordfish')],
  ['a silent server', silent],
])('no secret is in the error after %s', async (_, answer) => {
  server.script('/a', answer);
  await using by = create({
    retries: 0,
    headersTimeoutMs: 50,
    headers: { [server.origin]: { cookie: 'swordfish' } },
  });
  const error = await failure(
    `http://user:swordfish@127.0.0.1:${server.port}/a?token=swordfish#swordfish`,
    { digests: DIGESTS },
    by,
  );
  expect(error.message).toContain(`http://127.0.0.1:${server.port}/a?...`);
  expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/swordfish|c3dvcmRmaXNo/);
});

describe('at once', () => {
  test('one host gets so many requests, and a host that stands still keeps none from another', async () => {
    await using by = create({ perHost: 3, total: 4 });
    await using slow = await ScriptedServer.start();
    const abort = new AbortController();
    const { signal } = abort;
    const stuck = Array.from({ length: 9 }, (_, i) => failure(slow.script(`/${i}`, silent), { signal }, by));
    await waitFor(async () => slow.open === 3);
    expect(await readdir(into.downloads), 'what waits holds no file').toEqual([]);
    for (let i = 0; i < 5; i++) await get(server.script(`/${i}`, whole(BODY)), {}, by);
    expect(slow.requests).toHaveLength(3);
    abort.abort(new Error('enough'));
    for (const error of await Promise.all(stuck)) expect(error.message).toBe('enough');
    expect(slow.mostOpen).toBe(3);
  });

  test('all hosts together get so many', async () => {
    await using by = create({ perHost: 5, total: 2 });
    const servers = await Promise.all([1, 2, 3].map(() => ScriptedServer.start()));
    const abort = new AbortController();
    const { signal } = abort;
    const stuck = servers.map((each) => failure(each.script('/a', silent), { signal }, by));
    const open = () => servers.reduce((sum, each) => sum + each.open, 0);
    await waitFor(async () => open() === 2);
    abort.abort(new Error('enough'));
    await Promise.all(stuck);
    expect(servers.reduce((sum, each) => sum + each.requests.length, 0)).toBe(2);
    for (const each of servers) await each[Symbol.asyncDispose]();
  });

  test('a hundred downloads of one host all come', async () => {
    const urls = Array.from({ length: 100 }, (_, i) => server.script(`/${i}`, whole(`body ${i}`)));
    const found = await Promise.all(urls.map((url) => get(url)));
    expect(found.map(({ body }) => String(body))).toEqual(urls.map((_, i) => `body ${i}`));
    expect(server.mostOpen).toBeLessThanOrEqual(8);
  });
});

describe('an abort', () => {
  test('before anything was sent, while waiting for the answer, and in the body: its reason, and nothing is left', async () => {
    const reason = new Error('stop');
    expect(await failure(`${server.origin}/a`, { signal: AbortSignal.abort(reason) })).toBe(reason);
    expect(server.requests).toEqual([]);
    for (const answer of [silent, stallAfter(50_000, BODY)]) {
      const abort = new AbortController();
      const url = server.script('/b', (response, request) => {
        answer(response, request);
        setImmediate(() => abort.abort(reason));
      });
      expect(await failure(url, { signal: abort.signal })).toBe(reason);
    }
  });

  test('closing the downloader ends what is under way, and refuses what comes later', async () => {
    const by = create();
    const stuck = failure(server.script('/a', silent), {}, by);
    await waitFor(async () => server.open === 1);
    await by.close();
    expect(await stuck).toMatchObject({ name: 'AbortError', message: 'the downloader is closed' });
    expect(await failure(`${server.origin}/a`, {}, by)).toMatchObject({ name: 'AbortError' });
  });
});

describe('text and JSON', () => {
  test('come with their ETag, and not again while it is the current one', async () => {
    const url = server.script('/a', whole('{"a":[1]}', ETAG), (response, request) =>
      request.headers['if-none-match'] === '"one"'
        ? status(304, ETAG)(response, request)
        : response.destroy(),
    );
    expect(await downloader.json(url)).toEqual({ content: { a: [1] }, etag: '"one"' });
    expect(server.requests[0]!.headers).toMatchObject({ accept: 'application/json' });
    expect(await downloader.json(url, { etag: '"one"' })).toEqual({ content: undefined, etag: '"one"' });
  });

  test('are decompressed', async () => {
    const url = server.script('/a', whole(gzipSync('[1,2]'), { 'content-encoding': 'gzip' }));
    expect((await downloader.json(url)).content).toEqual([1, 2]);
  });

  test('are retried', async () => {
    const url = server.script(
      '/a',
      status(503),
      cutAfterReceipt(2, Buffer.from('text'), {}, async () => {}),
      whole('text'),
    );
    expect((await downloader.text(url)).content).toBe('text');
  });

  test.each<[string, Answer]>([
    ['announced', whole('x'.repeat(1_001))],
    ['endless', (response) => endless(response)],
    ['a bomb', whole(gzipSync('x'.repeat(1_000_000)), { 'content-encoding': 'gzip' })],
  ])('are bounded: %s', async (_, answer) => {
    const getting = downloader.text(server.script('/a', answer), { maxBytes: 1_000, describe: 'index' });
    await expect(getting).rejects.toMatchObject({ reason: 'too-large', subject: 'index' });
  });

  test.each<[string, Answer]>([
    ['not JSON', whole('{"password": "swordfish"')],
    ['not UTF-8', whole(Buffer.from([0x22, 0xff, 0x22]))],
  ])('that are %s are refused without quoting them', async (what, answer) => {
    const error = await downloader.json(server.script('/a', answer)).catch((error: unknown) => error);
    expect(error).toMatchObject({ reason: 'invalid-text', message: `${server.origin}/a: it is ${what}` });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('swordfish');
  });

  test('that are not gzip though they say so are refused', async () => {
    const url = server.script('/a', whole('text', { 'content-encoding': 'gzip' }));
    await expect(downloader.text(url)).rejects.toMatchObject({ reason: 'encoded' });
    const other = server.script('/b', whole('text', { 'content-encoding': 'br' }));
    await expect(downloader.text(other)).rejects.toMatchObject({ reason: 'encoded' });
  });

  test('whose signal aborts while they come reject with its reason', async () => {
    const reason = new Error('stop');
    for (const headers of [{}, { 'content-encoding': 'gzip' }]) {
      const abort = new AbortController();
      const url = server.script('/a', (response) => {
        response.writeHead(200, headers).write(gzipSync('x').subarray(0, 5));
        setImmediate(() => abort.abort(reason));
      });
      await expect(downloader.text(url, { signal: abort.signal })).rejects.toBe(reason);
    }
  });
});

describe('proxies', () => {
  test('of the environment are used, but not for hosts in NO_PROXY, and get their own password alone', async () => {
    await using proxy = await ScriptedServer.start();
    const url = server.script('/a', whole(BODY));
    proxy.script(url, whole(OTHER));
    const environment = { HTTP_PROXY: `http://me:swordfish@127.0.0.1:${proxy.port}`, NO_PROXY: '' };
    await withEnvironment(environment, async () => {
      await using by = new Downloader();
      expect((await get(url, {}, by)).body).toEqual(OTHER);
    });
    expect(proxy.requests).toHaveLength(1);
    expect(proxy.requests[0]!.headers).toMatchObject({
      'proxy-authorization': `Basic ${Buffer.from('me:swordfish').toString('base64')}`,
    });
    await withEnvironment({ ...environment, NO_PROXY: '127.0.0.1' }, async () => {
      await using by = new Downloader();
      expect((await get(url, {}, by)).body).toEqual(BODY);
    });
    expect(proxy.requests).toHaveLength(1);
    expect(server.requests[0]!.headers).not.toHaveProperty('proxy-authorization');
  });

  test('make a tunnel for https; what they refuse shows no password', async () => {
    await using proxy = await ScriptedServer.start();
    const tunnels: string[] = [];
    proxy.refuseTunnels((target) => tunnels.push(target));
    await withEnvironment({ HTTPS_PROXY: `http://me:swordfish@127.0.0.1:${proxy.port}` }, async () => {
      await using by = new Downloader({ retries: 0 });
      const error = await failure('https://registry.invalid/a', {}, by);
      expect(error).toMatchObject({ code: 'HOLDFAST_DOWNLOAD', reason: 'interrupted' });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/swordfish|bWU6c3dvcmRmaXNo/);
    });
    expect(tunnels).toEqual(['registry.invalid:443']);
  });

  test('that are no URLs are refused without showing them', async () => {
    const options = { httpProxy: 'http://me:swordfish@:no' };
    expect(() => new Downloader(options)).toThrow(MisuseError);
    try {
      new Downloader(options);
    } catch (error) {
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('swordfish');
    }
  });
});

test.each([
  [{ perHost: 0 }, 'perHost'],
  [{ retries: -1 }, 'retries'],
  [{ idleTimeoutMs: 0 }, 'idleTimeoutMs'],
  [{ headers: { 'not a url': { a: 'b' } } }, 'headers'],
  [{ unknown: 1 }, 'unknown'],
])('%j is no option', (options, subject) => {
  expect(() => new Downloader(options as DownloaderOptions)).toThrow(expect.objectContaining({ subject }));
});

/** Sends without end, for as long as somebody reads. */
function endless(response: Parameters<Answer>[0]): void {
  const more = () => {
    while (!response.destroyed && response.write(BODY));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

async function freedPort(): Promise<{ readonly port: number }> {
  const listening = await ScriptedServer.start();
  const { port } = listening;
  await listening[Symbol.asyncDispose]();
  return { port };
}

async function withEnvironment(values: Readonly<Record<string, string>>, run: () => Promise<void>) {
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'];
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, values);
  try {
    await run();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
