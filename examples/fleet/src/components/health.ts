import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListenError } from './listen-error.ts';

/** What a component answers when it is asked how it is. */
export interface HealthChecks {
  /** False: restart me. */
  readonly isAlive: () => boolean;
  /** False: send me nothing, I am starting, draining or cut off from the database. */
  readonly isReady: () => boolean | Promise<boolean>;
}

export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `/livez` and `/readyz`: 200 `ok` or 503, and nothing else. Port 0 takes a free one. */
export async function serveHealth(host: string, port: number, checks: HealthChecks): Promise<HealthServer> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
    const check = { '/livez': checks.isAlive, '/readyz': checks.isReady }[request.url ?? ''];
    if (!check) return answer(404, 'there is /livez and /readyz');
    const good = await Promise.resolve(check()).catch(() => false);
    return good ? answer(200, 'ok') : answer(503, request.url === '/livez' ? 'not alive' : 'not ready');
  });
  await new Promise<void>((resolve, reject) =>
    server
      .once('error', (cause) => reject(new ListenError(host, port, '--health', cause)))
      .listen(port, host, resolve),
  );
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
