import { type IncomingHttpHeaders, request } from 'node:http';

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request by Node's own client, its path as it is written. Rejects when the answer is cut. */
export function get(
  url: string,
  path: string,
  headers: Record<string, string> = {},
  { method = 'GET', signal }: { readonly method?: string; readonly signal?: AbortSignal } = {},
): Promise<Got> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const options = {
      hostname,
      port,
      path,
      headers,
      method,
      agent: false as const,
      ...(signal && { signal }),
    };
    const sent = request(options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}
