/** A server for probes and scrapes: small requests without bodies, of few clients, over short connections. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where somebody listens; port 0 takes a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** More connections are closed at once. */
const MOST_CONNECTIONS = 100;
const MOST_HEAD_BYTES = 8 * 1024;
/** A request that is not there whole after this, and a connection over which nothing goes for so long, is closed. */
const REQUEST_MS = 5_000;
const IDLE_MS = 30_000;

export interface SmallServer {
  readonly url: string;
  readonly server: Server;
}

/** Listens, and hands GET and HEAD on; everything else gets 405. Rejects with the system's error when it cannot listen. */
export async function listenForSmall({ host, port }: Address, answer: RequestListener): Promise<SmallServer> {
  const limits = {
    maxHeaderSize: MOST_HEAD_BYTES,
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: 1_000,
  };
  const server = createServer(limits, (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') answer(request, response);
    else response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end();
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.maxRequestsPerSocket = 1_000;
  server.setTimeout(IDLE_MS);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const { address, family, port: actual } = server.address() as AddressInfo;
  return { server, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}` };
}
