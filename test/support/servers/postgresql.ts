import { startEmbedded } from '../../../src/database/embedded/index.ts';
import type { TestServer } from './test-server.ts';

/** POSTGRES_URL, of a superuser on a server to be filled with databases, or the embedded one. */
export async function startPostgresql(): Promise<TestServer> {
  const given = process.env['POSTGRES_URL'];
  if (given) return { engine: 'postgresql', url: given, given: true, stop: async () => {} };
  const server = await startEmbedded();
  return { engine: 'postgresql', url: server.url, stop: () => server.stop() };
}
