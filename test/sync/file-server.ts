import { createHash } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Serves texts by path, and counts what was asked for. */
export async function startFileServer(files: Map<string, string>) {
  const requests: string[] = [];
  let listener: RequestListener = (request, response) => {
    const body = files.get(request.url!.slice(1));
    if (body === undefined) response.writeHead(404).end();
    else response.end(body);
  };
  const server = createServer((request, response) => {
    requests.push(request.url!.slice(1));
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Paths in the order of their requests. */
    requests,
    answerBy(other: RequestListener) {
      const before = listener;
      listener = other;
      return () => {
        listener = before;
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
