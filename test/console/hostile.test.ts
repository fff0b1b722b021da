// Everything that comes over the console's socket may be written by somebody hostile.
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Listening, listenForConsole } from '../../src/console/index.ts';
import { connect, type Database } from '../../src/index.ts';
import { FACES, fillConsole } from '../support/console-fixture.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  answered,
  bombard,
  exchange,
  hostileRequest,
  NASTY,
  nastyJson,
  objectOf,
  open,
  request,
  targetOf,
} from '../support/hostile-http.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

const LIMITS = { headersMs: 400, requestMs: 400, idleMs: 60_000 };

expectNoUncaughtErrors();

let db: Database;
let server: Listening;
let headers: readonly string[];
const failures: unknown[] = [];
interface About {
  readonly csrf: string;
  readonly lists: readonly { readonly id: string; readonly filters: readonly { readonly name: string }[] }[];
  readonly actions: readonly { readonly id: string; readonly fields: readonly { readonly name: string }[] }[];
}
let about: About;
beforeAll(async () => {
  db = await connect({ url: (await createTestDatabase()).url });
  await fillConsole(db);
  const onError = (error: unknown) => void failures.push(error);
  server = await listenForConsole({ db, faces: [...FACES], actions: true, onError, pollMs: 100 }, LIMITS);
  const first = await fetch(`${server.url}/api/console`);
  about = (await first.json()) as About;
  const { host } = new URL(server.url);
  headers = [
    `Host: ${host}`,
    `Origin: http://${host}`,
    `Cookie: ${first.headers.getSetCookie()[0]!.split(';')[0]}`,
    `X-Holdfast-Csrf: ${about.csrf}`,
    'Content-Type: application/json',
  ];
});
afterAll(async () => {
  await server?.stop({ graceMs: 0 });
  await db?.close();
});

const stillGood = async () => {
  expect((await fetch(`${server.url}/api/target?name=n7`)).status).toBe(200);
  // What the client did is no failure of the console's.
  expect(failures.splice(0)).toEqual([]);
};

test('requests that are no HTTP, too much, cut off or read two ways get no 5xx and tell nothing; the next one is answered', async () => {
  const routes = [
    ...['/', '/target', '/login', '/assets/app.css', '/assets/', '/lists/targets'],
    ...[
      'overview',
      'console',
      'target',
      'timeline',
      'drawing',
      'lists/targets',
      'live/overview',
      'live/',
    ].map((name) => `/api/${name}`),
    '/api/actions/release',
  ];
  const parameters = ['name', 'from', 'face', 'drawing', 'next', 'target', 'kind', 'session', 'state'];
  const requests = hostileRequest(targetOf(routes, parameters), () => headers);
  const seen = await bombard(server.url, requests, { count: 250, stillGood });
  // It is no wall that refuses everything: what is behind it was reached, and its limits as well.
  for (const status of [400, 404, 405, 431]) expect([...seen.keys()]).toContain(status);
});

test('every page, filter and position takes any text', async () => {
  const texts = fc.constantFrom(...NASTY).map((text) => encodeURIComponent(text.toWellFormed()));
  const position = fc
    .oneof(fc.array(fc.oneof(fc.constantFrom(...NASTY), fc.jsonValue()), { maxLength: 5 }), fc.jsonValue())
    .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'));
  const ofList = fc.constantFrom(...about.lists).chain(({ id, filters }) =>
    fc
      .tuple(
        fc.array(fc.tuple(fc.constantFrom('kind', ...filters.map(({ name }) => name)), texts), {
          maxLength: 3,
        }),
        fc.option(position),
      )
      .map(([pairs, after]) => {
        const query = [...pairs, ...(after === null ? [] : [['after', after] as const])];
        return `lists/${id}?${query.map((pair) => pair.join('=')).join('&')}`;
      }),
  );
  const ofTarget = fc
    .tuple(fc.constantFrom('target', 'timeline', 'drawing'), texts, texts, position)
    .map(([page, name, other, from]) => `${page}?name=${name}&face=workflows&drawing=${other}&from=${from}`);
  const requests = fc
    .tuple(fc.oneof(ofList, ofTarget), fc.constantFrom('/api/', '/api/live/'))
    .map(([path, root]) => request('GET', root + path, headers));
  await bombard(server.url, requests, { count: 250, stillGood });
});

test('every action takes any body, and says what is wrong with it', async () => {
  const good = [
    'Flash',
    'n7',
    'n8',
    'd1',
    'door',
    'door-1',
    'open',
    '1',
    'upgrade',
    'drained',
    'datasets:index',
  ];
  const own = about.actions.flatMap(({ fields }) => fields.map(({ name }) => name));
  const offered = [
    'kind',
    'target',
    'operation',
    'queue',
    'command',
    'number',
    'workflow',
    'state',
    'message',
  ];
  const names = [...new Set([...own, ...offered])];
  const requests = fc.constantFrom(...about.actions, undefined).chain((action) =>
    fc
      .oneof(
        { weight: 1, arbitrary: nastyJson },
        {
          weight: 6,
          arbitrary: fc
            .record({
              args: objectOf(names, good),
              reason: fc.constantFrom<unknown>(
                ...Array(8).fill('a test'),
                'a\0b',
                '',
                1,
                'x'.repeat(2_000),
                '\ud800',
              ),
            })
            .map((body) => JSON.stringify(body)),
        },
      )
      .map((body) => request('POST', `/api/actions/${action?.id ?? '__proto__'}`, headers, body)),
  );
  const seen = await bombard(server.url, requests, { count: 300, stillGood });
  for (const status of [200, 400, 404, 409]) expect([...seen.keys()]).toContain(status);
});

test('a head or a body that does not come is cut off, however little of it comes', async () => {
  const head = open(server.url);
  head.write('GET / HTTP/1.1\r\nHost: x\r\n');
  const body = open(server.url);
  body.write(`POST /api/actions/release HTTP/1.1\r\n${headers.join('\r\n')}\r\nContent-Length: 100\r\n\r\n{`);
  // A byte now and then keeps neither.
  const dripping = setInterval(() => {
    head.write('a');
    body.write(' ');
  }, 20);
  const [first, second] = await Promise.all([answered(head), answered(body)]);
  clearInterval(dripping);
  expect([first.statuses, second.statuses]).toEqual([[408], [408]]);
  await stillGood();
});

test('beyond the limit of connections more are closed at once, and those that were there are served', async () => {
  await using small = await listenForConsole({ db }, { maxConnections: 3, idleMs: 600 });
  const idle = [open(small.url), open(small.url), open(small.url)];
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  // The three are the server's when one of them is answered.
  idle[2]!.write('GET /assets/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await once(idle[2]!, 'data');
  expect(await exchange(small.url, Buffer.from(''))).toEqual({ statuses: [], text: '' });
  // A connection over which nothing goes is not kept.
  await Promise.all(idle.map(answered));
  expect((await exchange(small.url, Buffer.from(''))).statuses).toEqual([404]);
});

test('one connection carries so many requests and then is closed', async () => {
  const socket = open(server.url);
  const { statuses, text } = await exchange(
    server.url,
    Buffer.from('HEAD /assets/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(1_001)),
  );
  socket.destroy();
  expect(statuses.filter((status) => status === 404)).toHaveLength(1_000);
  expect(text.match(/^connection: close/gim)!.length).toBeGreaterThan(0);
});
