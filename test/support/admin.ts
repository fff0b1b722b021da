import pg from 'pg';

/** Of several hosts, each is given so long. */
const CONNECT_MS = 5_000;

/** Runs `work` on a connection of its own, to the first host of the URL that answers. */
export async function withAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connectToOne(hostsOf(url));
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function connectToOne([url, ...others]: readonly string[]): Promise<pg.Client> {
  const several = others.length > 0 ? { connectionTimeoutMillis: CONNECT_MS } : {};
  const client = new pg.Client({ connectionString: url, ...several });
  // A server that is stopped under the connection is the test's business, not an uncaught exception.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    if (others.length === 0) throw error;
    return connectToOne(others);
  }
}

/** The URL with each of its hosts alone. */
function hostsOf(url: string): readonly string[] {
  const [, before, hosts, behind] = /^([^/]*\/\/(?:[^@/]*@)?)([^/?]*)(.*)$/.exec(url)!;
  return hosts!.split(',').map((host) => `${before}${host}${behind}`);
}
