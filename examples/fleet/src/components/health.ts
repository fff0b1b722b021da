import { listenForSmall } from '../../../telemetry/index.ts';
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
  // However many ask at once, the database is asked once.
  const underWay = new Map<string, Promise<boolean>>();
  const isGood = (path: string, check: HealthChecks['isReady']): Promise<boolean> => {
    const asked = underWay.get(path);
    if (asked) return asked;
    const asking = (async () => check())()
      .catch(() => false)
      .finally(() => underWay.delete(path));
    underWay.set(path, asking);
    return asking;
  };
  const pages = new Map([
    ['/livez', { check: checks.isAlive, bad: 'not alive' }],
    ['/readyz', { check: checks.isReady, bad: 'not ready' }],
  ]);
  const { server, url } = await listenForSmall({ host, port }, async (request, response) => {
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
    const path = request.url ?? '';
    const page = pages.get(path);
    if (!page) return answer(404, 'there is /livez and /readyz');
    return (await isGood(path, page.check)) ? answer(200, 'ok') : answer(503, page.bad);
  }).catch((cause) => {
    throw new ListenError(host, port, '--health', cause);
  });
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
