import { once } from 'node:events';
import { serve } from 'srvx';
import { z } from 'zod';
import { checkOptions, within } from '../base/index.ts';
import { ListenError } from './errors.ts';

const listenSchema = z.strictObject({
  /** Default 127.0.0.1: this machine alone. */
  host: z.string().min(1).optional(),
  /** Default 0: one that is free. */
  port: z.int().min(0).max(65_535).optional(),
});

export type ListenOptions = z.input<typeof listenSchema>;

export interface StopOptions {
  /** Requests under way may go on for so many milliseconds. Default 10,000. */
  readonly graceMs?: number | undefined;
}

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
  const { host = '127.0.0.1', port = 0 } = checkOptions(listenSchema, options);
  const server = serve({
    fetch,
    hostname: host,
    port,
    manual: true,
    silent: true,
    gracefulShutdown: false,
  });
  const http = server.node!.server as import('node:http').Server;
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
