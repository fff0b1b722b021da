import { z } from 'zod';
import { checkOptions, isText, tell } from '../base/index.ts';
import { Database } from '../client/index.ts';
import type { Face } from '../faces/index.ts';
import { Access, type Visitor } from './access.ts';
import { type Asset, readAssets } from './assets.ts';
import { Feed } from './feed.ts';
import { loginPage, SHELL } from './pages.ts';
import { processUser } from './process-user.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { Resources } from './resources.ts';
import { type Token, tokenOf } from './token.ts';
import type { SentConsole } from './wire.ts';

/** Options of `listenForConsole`. */
export const consoleSchema = z.strictObject({
  /** What is looked at. A user that may only read is enough without actions. */
  db: z.instanceof(Database),
  /** What other parts of the program bring: their tables, actions and drawings. Default: none. */
  faces: z.array(z.custom<Face>((value) => typeof value === 'object' && value !== null)).optional(),
  /** Lets people change something, each time with a reason that stays in the history. Default false. */
  actions: z.boolean().optional(),
  /** Who acts, where no proxy says it. Default: the user of the process. */
  author: z.string().min(1).max(100).optional(),
  /** People log in with it: at least 16 characters. Needed, or `userHeader` is, where it listens elsewhere than on loopback. Default: none. */
  token: z.string().min(16).optional(),
  /** A file with the token, in place of `token`. It is read again at every request, so that a token changes without a restart: who logged in with the old one logs in again. Default: none. */
  tokenFile: z.string().min(1).optional(),
  /** The header in which a proxy in front of it says who is there, such as `x-forwarded-user`. The proxy must be the only way to it. Default: none. */
  userHeader: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/)
    .optional(),
  /** Where people reach it, where that is not the address that it listens on. Default: none. */
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** What is looked at is read anew so often, in milliseconds. Default 2,000. */
  pollMs: z.int().min(100).max(60_000).optional(),
  /** Told of each failure that is no fault of the one who asks. What it throws becomes a process warning. Default: nobody. */
  onError: z.custom<(error: unknown) => void>((value) => typeof value === 'function').optional(),
});

export type ConsoleOptions = z.input<typeof consoleSchema>;

/** Longest body of an action, in bytes. */
const MOST_BODY = 64 * 1024;

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** Answers the requests of the console's pages. */
export class Console {
  readonly feed: Feed;
  readonly #resources: Resources;
  readonly #access: Access;
  readonly #db: Database;
  readonly #isActing: boolean;
  readonly #onError: (error: unknown) => void;
  readonly #assets: ReadonlyMap<string, Asset>;

  private constructor(
    options: z.output<typeof consoleSchema>,
    token: Token | undefined,
    isLoopback: boolean,
    assets: ReadonlyMap<string, Asset>,
  ) {
    const { db, faces = [], actions = false, author = processUser(), pollMs = 2_000, onError } = options;
    const { userHeader, baseUrl } = options;
    this.#db = db;
    this.#isActing = actions;
    this.#onError = (error) => tell(() => onError?.(error));
    this.#assets = assets;
    this.#access = new Access({ token, userHeader, author, baseUrl, isLoopback });
    this.#resources = new Resources(db, faces);
    this.feed = new Feed(this.#resources, pollMs, this.#onError);
  }

  /** Throws MisuseError. */
  static async make(options: ConsoleOptions, isLoopback: boolean): Promise<Console> {
    const checked = checkOptions(consoleSchema, options);
    return new Console(checked, tokenOf(checked), isLoopback, await readAssets());
  }

  /** Never rejects. */
  readonly fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    let response: Response;
    try {
      response = await this.#answer(request, url);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.status >= 500 && !request.signal.aborted) this.#onError(error);
      response = url.pathname.startsWith('/api/')
        ? Response.json({ error: refusal.message }, { status: refusal.status })
        : new Response(`${refusal.message}\n`, {
            status: refusal.status,
            headers: { 'content-type': 'text/plain; charset=utf-8' },
          });
    }
    for (const [name, value] of Object.entries(HEADERS)) response.headers.set(name, value);
    if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store');
    return response;
  };

  async #answer(request: Request, url: URL): Promise<Response> {
    const { pathname } = url;
    const isReading = request.method === 'GET' || request.method === 'HEAD';
    if (isReading && pathname.startsWith('/assets/'))
      return this.#asset(request, pathname.slice('/assets/'.length));
    if (pathname === '/login') return this.#login(request, url);
    const isAction = pathname.startsWith('/api/actions/');
    if (isAction ? request.method !== 'POST' : !isReading)
      throw new Refusal(405, isAction ? 'an action is sent by POST' : 'pages are read by GET');
    const visitor = this.#access.visitor(request);
    if (!visitor) {
      if (pathname.startsWith('/api/')) throw new Refusal(401, 'log in first');
      const next = encodeURIComponent(pathname + url.search);
      return new Response(null, { status: 303, headers: { location: `/login?next=${next}` } });
    }
    const response = isAction
      ? await this.#act(request, visitor, pathname.slice('/api/actions/'.length))
      : await this.#read(request, url, visitor);
    if (visitor.cookie !== undefined) response.headers.set('set-cookie', visitor.cookie);
    return response;
  }

  async #read(request: Request, url: URL, visitor: Visitor): Promise<Response> {
    const { pathname, search } = url;
    if (pathname === '/api/console') return Response.json(this.#about(visitor));
    if (pathname.startsWith('/api/live/')) {
      const path = pathname.slice('/api/live/'.length) + search;
      return this.feed.stream(path, request.headers.get('last-event-id'));
    }
    if (pathname.startsWith('/api/')) {
      const begunMs = performance.now();
      const { data, statements } = await this.feed.read(pathname.slice('/api/'.length) + search);
      const ms = (performance.now() - begunMs).toFixed(1);
      return Response.json(data, {
        headers: { 'server-timing': `db;dur=${ms};desc="${statements} statements"` },
      });
    }
    const list = /^\/lists\/([^/]+)$/.exec(pathname)?.[1];
    const isPage =
      pathname === '/' || pathname === '/target' || (list !== undefined && this.#resources.lists.has(list));
    if (!isPage) throw new Refusal(404, `there is no page ${pathname}: the console begins at /`);
    return html(SHELL);
  }

  #about({ author, csrf }: Visitor): SentConsole {
    const { system, version } = this.#db.engine;
    return {
      lists: [...this.#resources.lists.values()].map(({ face, list }) => {
        const { id, title, about, columns, filters = [] } = list;
        return { id, title, about, face, columns, filters };
      }),
      actions: this.#isActing
        ? [...this.#resources.actions.values()].map(({ id, title, about, fields = [] }) => {
            return { id, title, about, fields };
          })
        : [],
      author,
      csrf,
      database: `${system === 'cockroachdb' ? 'CockroachDB' : 'PostgreSQL'} ${version.join('.')}`,
    };
  }

  async #act(request: Request, visitor: Visitor, id: string): Promise<Response> {
    if (!this.#isActing)
      throw new Refusal(
        403,
        'the console only reads: start it with --actions to let people change something',
      );
    const action = this.#resources.actions.get(id);
    if (!action) throw new Refusal(404, `there is no action "${id}"`);
    this.#access.checkAction(request, visitor);
    const { args, reason } = checkedBody(await bodyOf(request));
    const said = await action.run(this.#db, args, { author: visitor.author, reason });
    this.feed.refresh();
    return Response.json({ said });
  }

  async #login(request: Request, url: URL): Promise<Response> {
    if (request.method === 'GET') return html(loginPage(nextFrom(url.searchParams.get('next'))));
    if (request.method !== 'POST') throw new Refusal(405, 'a login is sent by POST');
    const form = new URLSearchParams(await bodyOf(request));
    const next = nextFrom(form.get('next'));
    try {
      const cookie = this.#access.login(request, form.get('token') ?? '');
      return new Response(null, { status: 303, headers: { location: next, 'set-cookie': cookie } });
    } catch (error) {
      const { status, message } = refusalOf(error);
      return html(loginPage(next, message), status);
    }
  }

  #asset(request: Request, name: string): Response {
    const asset = this.#assets.get(name);
    if (!asset) throw new Refusal(404, `there is no /assets/${name}`);
    const headers: Record<string, string> = {
      'content-type': asset.type,
      etag: asset.etag,
      'cache-control': 'no-cache',
      vary: 'accept-encoding',
    };
    if (request.headers.get('if-none-match') === asset.etag)
      return new Response(null, { status: 304, headers });
    const isGzipped = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
    if (isGzipped) headers['content-encoding'] = 'gzip';
    return new Response(isGzipped ? asset.gzipped : asset.bytes, { headers });
  }
}

const html = (text: string, status = 200) =>
  new Response(text, { status, headers: { 'content-type': 'text/html; charset=utf-8' } });

/** A page of ours, and nothing else. */
function nextFrom(text: string | null): string {
  return text !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(text) && !text.includes('\\') ? text : '/';
}

async function bodyOf(request: Request): Promise<string> {
  const tooLarge = new Refusal(413, `the request is larger than ${MOST_BODY} bytes`);
  if (Number(request.headers.get('content-length') ?? 0) > MOST_BODY) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MOST_BODY) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

const withoutZero = (most: number) => z.string().max(most).refine(isText, 'has a zero byte');

const bodySchema = z.strictObject({
  args: z.record(z.string().max(100), withoutZero(20_000)),
  reason: withoutZero(1_000).trim().min(1, 'say why: it stays in the history'),
});

function checkedBody(text: string) {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
  return checkOptions(bodySchema, body);
}
