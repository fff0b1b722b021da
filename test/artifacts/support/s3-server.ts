import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { buildApp } from 'fauxqs';

/** Objects of a page of a list, so that a short one has several. */
const PAGE = 10;
const BUCKET = 'artifacts';

type S3Request = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

/** An answer that comes instead of the server's own. */
export interface Fault {
  readonly method: string;
  readonly answer: (response: ServerResponse) => void;
}

/**
 * An S3 server of this process with one bucket, which it wants in the path. fauxqs keeps the objects; what it does not
 * do is done in front of it: bytes that do not fit their SHA-256 are refused, and lists come in short pages.
 */
export class S3Server implements AsyncDisposable {
  readonly bucket = BUCKET;
  readonly credentials = { accessKeyId: 'anybody', secretAccessKey: 'anything' };
  readonly requests: S3Request[] = [];
  /** The first of them is for the next request of its method. */
  readonly faults: Fault[] = [];
  readonly #inner = buildApp({ logger: false });
  readonly #front = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  static async start(): Promise<S3Server> {
    const server = new S3Server();
    const inner = await server.#inner.listen({ port: 0, host: '127.0.0.1' });
    await fetch(`${inner}/${BUCKET}`, { method: 'PUT' });
    server.#front.listen(0, '127.0.0.1');
    await once(server.#front, 'listening');
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#front.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#front, 'close');
    this.#front.close();
    this.#front.closeAllConnections();
    await closed;
    await this.#inner.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, url, headers });
    if (this.faults[0]?.method === method) return this.faults.shift()!.answer(response);
    const body = await buffer(request);
    const declared = headers['x-amz-checksum-sha256'];
    if (declared !== undefined && declared !== createHash('sha256').update(body).digest('base64'))
      return refuse(400, 'BadDigest')(response);
    const { port } = this.#inner.server.address() as AddressInfo;
    const isList = url.includes('list-type=2');
    const path = isList ? `${url.replace(/&max-keys=\d+/, '')}&max-keys=${PAGE}` : url;
    const inner = forward({ host: '127.0.0.1', port, method, path, headers, agent: false });
    inner.end(body);
    const [answer] = (await once(inner, 'response')) as [IncomingMessage];
    response.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(response);
  }
}

/** An S3 error. */
export const refuse =
  (status: number, code: string): Fault['answer'] =>
  (response) => {
    const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
    response.writeHead(status, { 'content-type': 'application/xml' }).end(xml);
  };

export const cut: Fault['answer'] = (response) => void response.socket?.destroy();
