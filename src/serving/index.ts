/** Complete versions over HTTP: `holdfast/sync/serving`. */
import { type Listening, type ListenOptions, listen } from './listen.ts';
import { Repositories, type ServingOptions } from './repositories.ts';

export { ListenError } from './errors.ts';
export type { Listening, ListenOptions, StopOptions } from './listen.ts';
export type { Repositories, ServingOptions } from './repositories.ts';

/**
 * Makes the handler that answers requests for repositories; give its `fetch` to a server, or call `listenForRepositories`. Throws
 * MisuseError.
 */
export const serveRepositories = (options: ServingOptions): Repositories => new Repositories(options);

/** Listens for clients of repositories, until `stop`. Throws MisuseError and ListenError. */
export async function listenForRepositories(
  options: ServingOptions,
  where?: ListenOptions,
): Promise<Listening> {
  const repositories = serveRepositories(options);
  const listening = await listen(repositories.fetch, where).catch(async (error: unknown) => {
    await repositories.close();
    throw error;
  });
  const stop: Listening['stop'] = async (how) => {
    await listening.stop(how);
    await repositories.close();
  };
  return { url: listening.url, stop, [Symbol.asyncDispose]: () => stop() };
}
