import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Listening, listenForConsole } from '../../src/console/index.ts';
import { connect, type Database } from '../../src/index.ts';
import { FACES } from '../support/console-fixture.ts';
import { createTestDatabase } from '../support/database.ts';

const TOKEN = 'a token of more than sixteen';

let db: Database;
let open: Listening;
let readOnly: Listening;
let withToken: Listening;
let proxied: Listening;
beforeAll(async () => {
  db = await connect({ url: (await createTestDatabase()).url });
  const options = { db, faces: [...FACES], author: 'ann' };
  open = await listenForConsole({ ...options, actions: true });
  readOnly = await listenForConsole(options);
  withToken = await listenForConsole({ ...options, actions: true, token: TOKEN }, { host: '0.0.0.0' });
  proxied = await listenForConsole(
    { ...options, actions: true, userHeader: 'x-forwarded-user', baseUrl: 'https://ops.example.com' },
    { host: '127.0.0.1' },
  );
});
afterAll(async () => {
  for (const server of [open, readOnly, withToken, proxied]) await server?.stop();
  await db?.close();
});

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

interface Got {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** A request as it is written here, with whatever Host and Origin. */
function ask(
  { url }: Listening,
  path: string,
  { method = 'GET', headers = {}, body }: Sent = {},
): Promise<Got> {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const hostOf = ({ url }: Listening) => new URL(url).host;

/** What a page of the console sends with an action. */
async function page(server: Listening, more: Record<string, string> = {}) {
  const first = await ask(server, '/api/console', { headers: more });
  const [cookie = ''] = [first.headers['set-cookie'] ?? []].flat().map((one) => one.split(';')[0]!);
  return {
    ...more,
    cookie: more['cookie'] ?? cookie,
    'x-holdfast-csrf': (JSON.parse(first.text) as { csrf: string }).csrf,
    'content-type': 'application/json',
    host: more['host'] ?? hostOf(server),
    origin: `http://${more['host'] ?? hostOf(server)}`,
    'sec-fetch-site': 'same-origin',
  };
}
const pause = (kind: string) => JSON.stringify({ args: { kind }, reason: 'a test' });
const act = (server: Listening, headers: Record<string, string>, body: string, action = 'pause-kind') =>
  ask(server, `/api/actions/${action}`, { method: 'POST', headers, body });

test('elsewhere than on loopback it does not listen without a token or the header of a proxy', async () => {
  await expect(listenForConsole({ db }, { host: '0.0.0.0' })).rejects.toThrow(
    'host: 0.0.0.0 is reached by others: give a token, or the header of a proxy',
  );
  await expect(listenForConsole({ db, token: 'short' })).rejects.toThrow('token');
});

test('every answer has a strict policy, and cookies are for the server and this site alone', async () => {
  for (const path of ['/', '/api/overview', '/nothing', '/assets/app.js']) {
    const { headers } = await ask(open, path);
    expect(headers['content-security-policy'], path).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(headers['x-content-type-options'], path).toBe('nosniff');
    expect(headers['access-control-allow-origin'], path).toBeUndefined();
  }
  const { headers, text } = await ask(open, '/');
  expect(headers['set-cookie']).toEqual([expect.stringMatching(/; Path=\/; HttpOnly; SameSite=Strict$/)]);
  expect(text).not.toMatch(/<script(?! type="module" src="\/assets\/)|<style|style=|onclick|https?:/);
});

test('what is asked for wrongly gets its status and one line', async () => {
  const headers = await page(open);
  const cases: [Promise<Got>, number, RegExp][] = [
    [ask(open, '/nothing'), 404, /^there is no page \/nothing: the console begins at \/\n$/],
    [ask(open, '/lists/nothing'), 404, /^there is no page/],
    [ask(open, '/assets/nothing.js'), 404, /^there is no/],
    [ask(open, '/api/nothing'), 404, /there is no \/api\/nothing/],
    [ask(open, '/', { method: 'DELETE' }), 405, /^pages are read by GET/],
    [ask(open, '/api/actions/pause-kind'), 405, /an action is sent by POST/],
    [ask(open, '/api/target'), 400, /name: is missing/],
    [ask(open, '/api/target?name=%00'), 400, /without zero bytes/],
    [ask(open, '/api/lists/targets?after=%21'), 400, /after: is not a position of this list/],
    [ask(open, '/api/lists/targets?after=WyJhIl0'), 400, /after: is not a position of this list/],
    [ask(open, '/api/lists/commands?after=WyJhIiwiYiIsImMiXQ'), 400, /after: is not a position of this list/],
    [
      ask(open, '/api/lists/ended?kind=a&after=WyJhIiwiYiIsIjEiXQ'),
      400,
      /after: is not a position of this list/,
    ],
    [ask(open, '/api/lists/sessions?session=me'), 400, /session: expected a UUID/],
    [ask(open, '/api/lists/targets?state=broken'), 400, /state: \\"broken\\" is none of held, /],
    [ask(open, '/api/lists/targets?colour=red'), 400, /colour: Targets has no such filter/],
    [ask(open, '/api/timeline?name=a&from=WzFd'), 400, /from: is not a position of a time line/],
    [act(open, headers, pause('x'), 'nothing'), 404, /there is no action \\"nothing\\"/],
    [act(open, headers, 'no json'), 400, /the body is no JSON/],
    [act(open, headers, '{"args":{},"reason":"  "}'), 400, /reason: say why: it stays in the history/],
    [act(open, headers, '{"args":{},"reason":"a"}'), 400, /kind: expected a text/],
    [act(open, headers, '{"args":{"kind":1},"reason":"a"}'), 400, /args.kind/],
    [act(open, headers, 'x'.repeat(70_000)), 413, /larger than 65536 bytes/],
    [act(open, { ...headers, 'transfer-encoding': 'chunked' }, 'x'.repeat(70_000)), 413, /larger than/],
    [act(open, { ...headers, 'content-type': 'text/plain' }, pause('x')), 415, /application\/json/],
    [act(readOnly, headers, pause('x')), 403, /the console only reads: start it with --actions/],
    [ask(open, '/api/live/nothing'), 200, /event: failure\ndata: \{"error":"there is no \/api\/nothing"\}/],
  ];
  for (const [asked, status, line] of cases.slice(0, -1)) {
    const got = await asked;
    expect([got.status, got.text]).toEqual([status, expect.stringMatching(line)]);
    expect(got.text.trimEnd().split('\n')).toHaveLength(1);
  }
});

test('an action of another site, with another token, or of nobody is refused, and changes nothing', async () => {
  const good = await page(open);
  const other = await page(open);
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([one]) => one !== name));
  const cases: [string, Record<string, string>][] = [
    ['another origin', { ...good, origin: 'http://evil.example' }],
    ['another port', { ...good, origin: 'http://127.0.0.1:1' }],
    ['no origin at all', without('origin')],
    ['another site', { ...good, 'sec-fetch-site': 'cross-site' }],
    ['the same site, another origin', { ...good, 'sec-fetch-site': 'same-site' }],
    ['no token', without('x-holdfast-csrf')],
    ['the token of another cookie', { ...good, 'x-holdfast-csrf': other['x-holdfast-csrf'] }],
    ['no cookie', without('cookie')],
    ['a made up cookie', { ...good, cookie: 'holdfast_console=visit.9999999999999.abc.def' }],
    ['an opaque origin', { ...good, origin: 'null' }],
  ];
  for (const [name, headers] of cases) {
    if (name === 'no origin at all') delete headers['sec-fetch-site'];
    expect((await act(open, headers, pause(name))).status, name).toBe(403);
  }
  const kinds = await db.execute({ text: 'SELECT kind FROM holdfast.kind', values: [] });
  expect(kinds.rows).toEqual([]);
  expect((await act(open, good, pause('Good'))).text).toBe('{"said":"Good is paused"}');
});

test('a name that is not of this machine leads nowhere: rebinding', async () => {
  for (const path of ['/', '/api/overview', '/api/console'])
    expect((await ask(open, path, { headers: { host: 'evil.example' } })).status, path).toBe(421);
  expect((await ask(open, '/', { headers: { host: `localhost:${new URL(open.url).port}` } })).status).toBe(
    200,
  );
});

test('with a token nothing is seen before the login, which leads to where one was going', async () => {
  const host = hostOf(withToken);
  expect((await ask(withToken, '/api/overview')).status).toBe(401);
  expect((await ask(withToken, '/api/live/overview')).status).toBe(401);
  const sent = await ask(withToken, '/target?name=n7');
  expect([sent.status, sent.headers['location']]).toEqual([303, '/login?next=%2Ftarget%3Fname%3Dn7']);
  const login = (token: string, next: string, more: Record<string, string> = {}) =>
    ask(withToken, '/login', {
      method: 'POST',
      headers: {
        host,
        origin: `http://${host}`,
        'content-type': 'application/x-www-form-urlencoded',
        ...more,
      },
      body: new URLSearchParams({ token, next }).toString(),
    });
  const wrong = await login('wrong', '/"><b>');
  expect([wrong.status, wrong.text]).toEqual([401, expect.stringContaining('this is not the token')]);
  expect(wrong.text).not.toContain('<b>');
  expect(wrong.headers['set-cookie']).toBeUndefined();
  expect((await login(TOKEN, '/', { origin: 'http://evil.example' })).headers['set-cookie']).toBeUndefined();
  for (const elsewhere of ['//evil.example', 'http://evil.example', '/\\evil.example'])
    expect((await login(TOKEN, elsewhere)).headers['location'], elsewhere).toBe('/');
  const right = await login(TOKEN, '/target?name=n7');
  expect([right.status, right.headers['location']]).toEqual([303, '/target?name=n7']);
  const cookie = [right.headers['set-cookie'] ?? []].flat()[0]!.split(';')[0]!;
  expect((await ask(withToken, '/api/overview', { headers: { cookie } })).status).toBe(200);
  const visit = await page(open);
  expect((await ask(withToken, '/api/overview', { headers: { cookie: visit.cookie } })).status).toBe(401);
});

test('a program brings the token along, and acts', async () => {
  expect((await ask(withToken, '/api/overview', { headers: { authorization: 'Bearer wrong' } })).status).toBe(
    401,
  );
  const headers = await page(withToken, { authorization: `Bearer ${TOKEN}` });
  expect((await act(withToken, headers, pause('ByProgram'))).text).toBe('{"said":"ByProgram is paused"}');
});

test('behind a proxy the one that it names acts, and nobody who is not named looks', async () => {
  const host = 'ops.example.com';
  expect((await ask(proxied, '/api/overview', { headers: { host } })).status).toBe(401);
  const headers = await page(proxied, { host, 'x-forwarded-user': 'bob' });
  const sent = await act(proxied, { ...headers, origin: 'https://ops.example.com' }, pause('ByProxy'));
  expect(sent.text).toBe('{"said":"ByProxy is paused"}');
  const { rows } = await db.execute({
    text: "SELECT cause FROM holdfast.intervention WHERE kind = 'ByProxy'",
    values: [],
  });
  expect(rows).toEqual([['a test (by bob)']]);
  const { headers: got } = await ask(proxied, '/', { headers: { host, 'x-forwarded-user': 'bob' } });
  expect(got['set-cookie']).toEqual([expect.stringMatching(/; Secure$/)]);
});
