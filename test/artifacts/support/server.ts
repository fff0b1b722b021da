import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** An HTTP server that answers each path by a script: one answer a request, the last one again and again. */
export class ScriptedServer implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #scripts = new Map<string, Answer[]>();
  /** Requests that were not answered yet, and the most there were at once. */
  open = 0;
  mostOpen = 0;

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Gives the URL of the path. */
  script(path: string, ...answers: Answer[]): string {
    this.#scripts.set(path, answers);
    return this.origin + path;
  }

  /** What one path was asked, in order. */
  asked(path: string): readonly ReceivedRequest[] {
    return this.requests.filter((request) => request.path === path);
  }

  /** Tells of each CONNECT, and refuses it. */
  refuseTunnels(tell: (target: string) => void): void {
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex) => {
      tell(request.url!);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!;
    this.requests.push({ path, headers: request.headers });
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    response.once('close', () => this.open--);
    const answers = this.#scripts.get(path.replace(/\?.*/, ''));
    const next = answers && answers.length > 1 ? answers.shift() : answers?.[0];
    if (next) next(response, request);
    else response.writeHead(404).end();
  }
}

/** The whole body, with its length. */
export const whole =
  (body: string | Buffer, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(200, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end();

export const redirect = (location: string, code = 302): Answer => status(code, { location });

/** Announces all of the body, sends `bytes` of it, and cuts the connection once they have been received. */
export const cutAfter =
  (bytes: number, body: Buffer, headers: Record<string, string>, received: () => Promise<unknown>): Answer =>
  async (response) => {
    response.writeHead(200, { 'content-length': body.length, ...headers });
    response.write(body.subarray(0, bytes));
    await received();
    response.destroy();
  };

/** Sends what the Range header asks for, as 206, if its If-Range is this ETag or absent; else the whole. */
export const ranged =
  (body: Buffer, headers: Record<string, string> = {}): Answer =>
  (response, request) => {
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const condition = request.headers['if-range'];
    if (from === undefined || (condition !== undefined && condition !== headers['etag']))
      return whole(body, headers)(response, request);
    const rest = body.subarray(Number(from));
    response.writeHead(206, {
      'content-length': rest.length,
      'content-range': `bytes ${from}-${body.length - 1}/${body.length}`,
      ...headers,
    });
    return response.end(rest);
  };

/** Sends the beginning and then nothing any more. */
export const stallAfter =
  (bytes: number, body: Buffer): Answer =>
  (response) => {
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, bytes));
  };

/** Takes the request and says nothing. */
export const silent: Answer = () => {};
