// Everything that comes over the socket of a server of repositories may be written by somebody hostile.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, type Database } from '../../src/index.ts';
import { filePlugin, npmPlugin } from '../../src/plugins/index.ts';
import { type Listening, listenForRepositories } from '../../src/serving/index.ts';
import { createRepository, declare, defineContentType, directoryStore, sync } from '../../src/sync/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { bombard, hostileRequest, NASTY, open, request, targetOf } from '../support/hostile-http.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';
import { startFileServer } from '../sync/file-server.ts';

expectNoUncaughtErrors();

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string() }),
  key: ({ path }) => [path],
});

let db: Database;
let server: Listening;
let upstream: Awaited<ReturnType<typeof startFileServer>>;
const failures: unknown[] = [];
beforeAll(async () => {
  db = await connect({ url: (await createTestDatabase()).url });
  upstream = await startFileServer(new Map([['a', 'what is served']]));
  const store = await directoryStore(await mkdtemp(join(tmpdir(), 'holdfast-hostile-')));
  await using session = await db.startSession({ component: 'mirror' });
  await createRepository(db, 'plain', {});
  const artifacts = [{ path: 'a/b', urls: [`${upstream.url}/a`] }];
  await sync(session, 'plain', [declare(file, { metadata: { path: 'a/b' }, artifacts })], {
    policy: 'on demand',
  });
  for (const plugin of ['file', 'npm']) {
    await createRepository(db, plugin, { plugin });
    await sync(session, plugin, []);
  }
  server = await listenForRepositories(
    { db, store, plugins: [filePlugin, npmPlugin], onError: (error) => void failures.push(error) },
    { headersMs: 400, requestMs: 400 },
  );
});
afterAll(async () => {
  await server?.stop({ graceMs: 0 });
  await upstream?.[Symbol.asyncDispose]();
  await db?.close();
});

const stillGood = async () => {
  const answer = await fetch(`${server.url}/plain/a/b`);
  expect([answer.status, await answer.text()]).toEqual([200, 'what is served']);
  expect(failures.splice(0)).toEqual([]);
};

test('requests that are no HTTP, too much, cut off or read two ways get no 5xx and tell nothing; the next one is answered', async () => {
  const routes = [
    '/plain',
    '/plain/a/b',
    '/plain/@1/a/b',
    '/plain/@',
    '/npm',
    '/npm/@x',
    '/file',
    '/nothing',
  ];
  const requests = hostileRequest(targetOf(routes), () => [`Host: ${new URL(server.url).host}`]);
  const seen = await bombard(server.url, requests, { count: 250, stillGood });
  for (const status of [400, 404, 405, 431]) expect([...seen.keys()]).toContain(status);
});

test('no path, version, range or condition gets more than what is in the repository', async () => {
  const text = fc.constantFrom(...NASTY).map((one) => encodeURIComponent(one.toWellFormed()));
  const raw = fc.constantFrom(
    '../',
    '..%2f',
    '%2e%2e/',
    './',
    '//',
    '\\..\\',
    '%5c..',
    '..;/',
    '%u002e',
    '.%00.',
    'a%00',
  );
  const part = fc.oneof(
    text,
    raw,
    fc.constantFrom('a', 'b', '-', '@1', '@999999999999999', '@0', '@-1', '%40x'),
  );
  const path = fc
    .tuple(fc.constantFrom('plain', 'npm', 'file', ''), fc.array(part, { maxLength: 5 }))
    .map(([name, parts]) => `/${[name, ...parts].join('/')}`);
  const number = fc.oneof(
    fc.constantFrom('', '-1', '0', '13', '14', '99999999999999999999', 'x'),
    fc.nat().map(String),
  );
  const conditions = fc.array(
    fc.oneof(
      fc.tuple(number, number).map(([from, to]) => `Range: bytes=${from}-${to}`),
      fc.constantFrom(
        'Range: bytes=',
        `Range: bytes=${'0-0,'.repeat(3_000)}0-0`,
        'Range: lines=1-2',
        'If-Match: "x"',
      ),
      fc.constantFrom(
        'If-None-Match: W/"x", "',
        'If-Modified-Since: 99999',
        'If-Range: Mon, 99',
        'Accept: application/json',
      ),
    ),
    { maxLength: 2 },
  );
  const requests = fc
    .tuple(fc.constantFrom('GET', 'HEAD'), fc.oneof(path, fc.constant('/plain/a/b')), conditions)
    .map(([method, target, more]) => request(method, target, [`Host: ${new URL(server.url).host}`, ...more]));
  const seen = await bombard(server.url, requests, { count: 250, stillGood });
  for (const status of [200, 206, 400, 404, 416]) expect([...seen.keys()]).toContain(status);
});

test('clients that ask and do not read keep nothing from the others', async () => {
  const sockets = Array.from({ length: 50 }, () => open(server.url));
  for (const socket of sockets)
    socket.pause().write('GET /plain/a/b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(20));
  await stillGood();
  for (const socket of sockets) socket.destroy();
  await stillGood();
});
