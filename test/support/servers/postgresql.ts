import { startEmbedded } from '../../../src/database/embedded/index.ts';
import type { TestServer } from './test-server.ts';

export async function startPostgresql(): Promise<TestServer> {
  const server = await startEmbedded();
  return { engine: 'postgresql', url: server.url, stop: () => server.stop() };
}
