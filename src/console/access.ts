import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Refusal } from './refusal.ts';
import type { Token } from './token.ts';

const COOKIE = 'holdfast_console';
/** A login is good for so long. */
const LOGIN_MS = 12 * 3_600_000;
export const CSRF_HEADER = 'x-holdfast-csrf';

export interface AccessOptions {
  readonly token: Token | undefined;
  /** Name of the header in which a proxy says who is there. */
  readonly userHeader: string | undefined;
  /** Who acts where nothing else says so. */
  readonly author: string;
  /** Where people reach the console. */
  readonly baseUrl: string | undefined;
  /** It listens on loopback, so the names of that are the only ones that it has. */
  readonly isLoopback: boolean;
}

/** Somebody who may look. */
export interface Visitor {
  readonly author: string;
  /** What an action must bring along. */
  readonly csrf: string;
  /** To be set with the answer. */
  readonly cookie?: string;
}

/**
 * Who may look and act. The key of the cookies is this process's own: a restart asks for the token again, and keeps nothing. Cookies
 * are signed with the token as well: another one ends every login.
 */
export class Access {
  readonly #options: AccessOptions;
  readonly #key = randomBytes(32);

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Undefined: the token is to be asked for. Throws Refusal. */
  visitor(request: Request): Visitor | undefined {
    this.#checkHost(request);
    const { token, userHeader, author } = this.#options;
    const user = userHeader === undefined ? author : request.headers.get(userHeader);
    if (!user)
      throw new Refusal(401, `the proxy in front of the console gives no ${userHeader}: who is there?`);
    const given = cookieOf(request);
    const known = given !== undefined && this.#isOurs(given, token === undefined ? 'visit' : 'login');
    if (known) return { author: user, csrf: this.#csrf(given) };
    if (token !== undefined) {
      const bearer = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
      if (bearer === undefined) return undefined;
      if (!this.#isToken(bearer)) throw new Refusal(401, 'this is not the token of the console');
    }
    const value = this.#newCookie('visit');
    // With a bearer token there is no cookie, so nobody else's page can act.
    return token === undefined
      ? { author: user, csrf: this.#csrf(value), cookie: this.#setCookie(value) }
      : { author: user, csrf: this.#csrf('bearer') };
  }

  /** The cookie of a login. Throws Refusal. */
  login(request: Request, token: string): string {
    this.#checkHost(request);
    this.#checkOrigin(request);
    if (!this.#isToken(token)) throw new Refusal(401, 'this is not the token of the console');
    return this.#setCookie(this.#newCookie('login'));
  }

  /** Whether an action comes from a page of ours. Throws Refusal. */
  checkAction(request: Request, visitor: Visitor): void {
    this.#checkOrigin(request);
    const given = request.headers.get(CSRF_HEADER) ?? '';
    if (!isSame(given, visitor.csrf))
      throw new Refusal(403, 'the page is not of this console, or it was restarted: load the page again');
    if (!/^application\/json\b/.test(request.headers.get('content-type') ?? ''))
      throw new Refusal(415, 'an action is sent as application/json');
  }

  /** Another name that leads to a loopback address is a page of somebody else's (DNS rebinding). */
  #checkHost(request: Request): void {
    const { baseUrl, isLoopback } = this.#options;
    const host = request.headers.get('host') ?? '';
    if (baseUrl !== undefined && host === new URL(baseUrl).host) return;
    const name = host.replace(/:\d+$/, '');
    if (isLoopback && !['127.0.0.1', 'localhost', '[::1]'].includes(name))
      throw new Refusal(421, `the console is not at ${host}: give --base-url if people reach it there`);
  }

  #checkOrigin(request: Request): void {
    const site = request.headers.get('sec-fetch-site');
    const origin = request.headers.get('origin');
    const { baseUrl } = this.#options;
    const own = [
      `http://${request.headers.get('host')}`,
      ...(baseUrl === undefined ? [] : [new URL(baseUrl).origin]),
    ];
    const isForeign = (site !== null && site !== 'same-origin') || (origin !== null && !own.includes(origin));
    if (isForeign) throw new Refusal(403, 'the request comes from another site');
    if (site === null && origin === null && request.headers.get('authorization') === null)
      throw new Refusal(403, 'the request does not say where it comes from');
  }

  #isToken(text: string): boolean {
    const { token } = this.#options;
    return token !== undefined && isSame(text, token());
  }

  #newCookie(what: 'login' | 'visit'): string {
    const body = `${what}.${Date.now() + LOGIN_MS}.${randomBytes(16).toString('base64url')}`;
    return `${body}.${this.#mac(body)}`;
  }

  #isOurs(value: string, what: 'login' | 'visit'): boolean {
    const at = value.lastIndexOf('.');
    const body = value.slice(0, at);
    const [kind, until] = body.split('.');
    return kind === what && Number(until) > Date.now() && isSame(value.slice(at + 1), this.#mac(body));
  }

  #setCookie(value: string): string {
    const secure = this.#options.baseUrl?.startsWith('https:') ? '; Secure' : '';
    return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}`;
  }

  #csrf(cookie: string): string {
    return this.#mac(`csrf ${cookie}`);
  }

  #mac(text: string): string {
    const token = this.#options.token?.() ?? '';
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([token, text]))
      .digest('base64url');
  }
}

function cookieOf(request: Request): string | undefined {
  const cookies = (request.headers.get('cookie') ?? '').split(';').map((one) => one.trim());
  return cookies.find((one) => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}

/** Takes the same time wherever they differ. */
const isSame = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));
const digest = (text: string) => hash('sha256', text, 'buffer');
