import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { invalidOption, pause } from '../base/index.ts';
import { DownloadError, type DownloadPlace } from './errors.ts';
import { clientFailure, retryAfterMs } from './failures.ts';
import type { DownloaderOptions } from './options.ts';
import { redirected } from './redirected.ts';
import { Slots } from './slots.ts';
import { type CheckedUrl, checkUrl, shownUrl } from './urls.ts';

export interface HttpRequest {
  readonly target: CheckedUrl;
  readonly subject: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  /** Where it came from, behind the redirects. */
  readonly place: DownloadPlace;
  readonly status: number;
  header(name: string): string | undefined;
  /** Rejects with a DownloadError when the connection fails; ends early when it is not read to its end. */
  body(): AsyncIterable<Uint8Array>;
}

type Headers = Readonly<Record<string, string>>;

/** A host's share: its slots, and until when it wants to be left alone. */
class Host {
  readonly slots: Slots;
  /** By Date.now(). */
  quietUntil = 0;

  constructor(most: number) {
    this.slots = new Slots(most);
  }
}

/**
 * GET over undici: proxies from the environment, slots for each host and in total, Retry-After, redirects. Undici's own
 * redirect interceptor knows neither slots nor headers by origin, and its RetryAgent resumes a body without a way back
 * when the server begins anew; so both are here and in the downloader.
 */
export class HttpClient {
  readonly #agent: Dispatcher;
  readonly #perHost: number;
  readonly #total: Slots;
  readonly #hosts = new Map<string, Host>();
  readonly #headers = new Map<string, Headers>();
  readonly #userAgent: string;
  readonly #redirects: number;
  readonly #retryAfterMaxMs: number;
  readonly #closing = new AbortController();

  constructor(options: DownloaderOptions) {
    this.#perHost = options.perHost ?? 8;
    this.#total = new Slots(options.total ?? 64);
    this.#userAgent = options.userAgent ?? 'holdfast';
    this.#redirects = options.redirects ?? 10;
    this.#retryAfterMaxMs = options.retryAfterMaxMs ?? 120_000;
    for (const [origin, headers] of Object.entries(options.headers ?? {})) {
      const { url } = checkUrl('headers', origin);
      this.#headers.set(url.origin, lowerCased(headers));
    }
    this.#agent = proxyAgent(options);
  }

  /**
   * Sends it, follows redirects, and gives the answer to `take`; its body is there as long as that runs. A status that
   * is no redirect is for `take` to judge.
   */
  async get<T>(request: HttpRequest, take: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    const signal = AbortSignal.any([request.signal, this.#closing.signal]);
    let { url } = request.target;
    for (let hops = 0; ; hops++) {
      const place = { url: shownUrl(url), subject: request.subject };
      const host = this.#hostOf(url);
      using _slot = await host.slots.take(signal);
      while (host.quietUntil > Date.now()) await pause(host.quietUntil - Date.now(), signal);
      using _turn = await this.#total.take(signal);
      const answer = await this.#send(url, request, place, signal);
      const { body, statusCode, headers } = answer;
      // What nobody reads any more may still fail.
      body.on('error', () => {});
      try {
        if (statusCode === 429 || statusCode === 503)
          this.#leaveAlone(host, headerOf(headers, 'retry-after'));
        const location = isRedirect(statusCode) ? headerOf(headers, 'location') : undefined;
        if (location === undefined)
          return await take({
            place,
            status: statusCode,
            header: (name) => headerOf(headers, name),
            body: () => chunks(body, place, signal),
          });
        if (hops >= this.#redirects)
          throw new DownloadError(place, 'redirect', `more than ${this.#redirects} redirects`);
        url = redirected(url, location, place);
      } finally {
        body.destroy();
      }
    }
  }

  /** What is under way fails with an AbortError. */
  async close(): Promise<void> {
    this.#closing.abort(new DOMException('the downloader is closed', 'AbortError'));
    await this.#agent.destroy();
  }

  #hostOf({ origin }: URL): Host {
    let host = this.#hosts.get(origin);
    if (!host) {
      host = new Host(this.#perHost);
      this.#hosts.set(origin, host);
    }
    return host;
  }

  async #send(url: URL, { target, headers }: HttpRequest, place: DownloadPlace, signal: AbortSignal) {
    try {
      return await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        signal,
        headers: {
          'user-agent': this.#userAgent,
          ...headers,
          // A password in the URL is for its own origin, as configured headers are for theirs.
          ...(target.authorization && target.url.origin === url.origin
            ? { authorization: target.authorization }
            : {}),
          ...this.#headers.get(url.origin),
        },
      });
    } catch (error) {
      signal.throwIfAborted();
      throw clientFailure(place, error);
    }
  }

  #leaveAlone(host: Host, retryAfter: string | undefined): void {
    const ms = retryAfterMs(retryAfter, Date.now());
    if (ms !== undefined)
      host.quietUntil = Math.max(host.quietUntil, Date.now() + Math.min(ms, this.#retryAfterMaxMs));
  }
}

async function* chunks(body: Dispatcher.ResponseData['body'], place: DownloadPlace, signal: AbortSignal) {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    signal.throwIfAborted();
    throw clientFailure(place, error);
  }
}

const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status);

function headerOf(headers: Dispatcher.ResponseData['headers'], name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const lowerCased = (headers: Headers): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function proxyAgent(options: DownloaderOptions): Dispatcher {
  const { httpProxy, httpsProxy, noProxy } = options;
  try {
    return new EnvHttpProxyAgent({
      connectTimeout: options.connectTimeoutMs ?? 10_000,
      headersTimeout: options.headersTimeoutMs ?? 60_000,
      // Counts only while somebody reads: a consumer that stops for a while fails nothing.
      bodyTimeout: options.idleTimeoutMs ?? 60_000,
      // A connection each, so that a broken one breaks one download, and the limit for a host is of connections too.
      allowH2: false,
      ...(httpProxy === undefined ? {} : { httpProxy }),
      ...(httpsProxy === undefined ? {} : { httpsProxy }),
      ...(noProxy === undefined ? {} : { noProxy }),
    });
  } catch {
    // The error shows the URL, and with it the password.
    throw invalidOption(
      'httpProxy',
      'a proxy of the options or of HTTP_PROXY or HTTPS_PROXY is no http or https URL',
    );
  }
}
