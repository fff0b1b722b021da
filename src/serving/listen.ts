import { once } from 'node:events';
import { serve } from 'srvx';
import { z } from 'zod';
import { checkOptions, within } from '../base/index.ts';
import { ListenError } from './errors.ts';

/** Where a server listens, and how much of it one client may hold. */
export const listenSchema = z.strictObject({
  /** The address that it listens on. Default 127.0.0.1: this machine alone. */
  host: z.string().min(1).optional(),
  /** Its port. Default 0: one that is free. */
  port: z.int().min(0).max(65_535).optional(),
  /** Most connections at once; more are closed at once. Default 1,000. */
  maxConnections: z.int().min(1).optional(),
  /** The head of a request must be there after so many milliseconds, or the connection is closed. Default 10,000. */
  headersMs: z.int().min(1).optional(),
  /** A whole request must be there after so many milliseconds, or the connection is closed. Default 30,000. */
  requestMs: z.int().min(1).optional(),
  /** A connection over which nothing has gone for so many milliseconds is closed, also one whose client does not read. Default 300,000. */
  idleMs: z.int().min(1).optional(),
});

export type ListenOptions = z.input<typeof listenSchema>;

export interface StopOptions {
  /** Requests under way may go on for so many milliseconds. Default 10,000. */
  readonly graceMs?: number | undefined;
}

/** Longest head of a request, in bytes. */
const MOST_HEAD = 16 * 1_024;
/** So many requests in a row over one connection. */
const MOST_REQUESTS = 1_000;

/** A server that listens. */
export interface Listening extends AsyncDisposable {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Accepts nothing more, lets requests under way end, and cuts those that do not in time. */
  stop(options?: StopOptions): Promise<void>;
}

/** Listens for what `fetch` answers. Throws ListenError. */
export async function listen(
  fetch: (request: Request) => Promise<Response>,
  options?: ListenOptions,
): Promise<Listening> {
  const { host = '127.0.0.1', port = 0, ...limits } = checkOptions(listenSchema, options);
  const { maxConnections = 1_000, headersMs = 10_000, requestMs = 30_000, idleMs = 300_000 } = limits;
  const server = serve({
    fetch,
    hostname: host,
    port,
    manual: true,
    silent: true,
    gracefulShutdown: false,
    node: {
      maxHeaderSize: MOST_HEAD,
      headersTimeout: Math.min(headersMs, requestMs),
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(headersMs, requestMs, 1_000),
    },
  });
  const http = server.node!.server as import('node:http').Server;
  http.maxConnections = maxConnections;
  http.maxRequestsPerSocket = MOST_REQUESTS;
  http.setTimeout(idleMs);
  let isStopping = false;
  http.on('request', (_request, response) => {
    if (isStopping) response.setHeader('connection', 'close');
    // A connection that is kept alive would keep the server.
    response.once('close', () => isStopping && setImmediate(() => http.closeIdleConnections()));
  });
  try {
    await server.serve();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'the port is taken' : code === 'EACCES' ? 'not allowed' : message;
    throw new ListenError(`cannot listen on ${host}:${port}: ${why}`, { cause: error });
  }
  const { address, family, port: actual } = http.address() as import('node:net').AddressInfo;
  const stop = async ({ graceMs = 10_000 }: StopOptions = {}) => {
    if (isStopping) return;
    isStopping = true;
    const closed = once(http, 'close');
    http.close();
    http.closeIdleConnections();
    await within(graceMs, closed);
    http.closeAllConnections();
    await closed;
  };
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}
