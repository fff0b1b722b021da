/** Pages for operators: what is stuck, and what makes it move. `holdfast/console`. */
import { invalidOption } from '../base/index.ts';
import { type Listening, type ListenOptions, listen } from '../serving/listen.ts';
import { Console, type ConsoleOptions } from './console.ts';

export type { Listening, ListenOptions, StopOptions } from '../serving/listen.ts';
export type { ConsoleOptions } from './console.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/**
 * Serves the console until `stop`: on loopback to everybody on this machine, elsewhere to those who have the token or come through
 * a proxy that says who they are. Throws MisuseError and ListenError.
 */
export async function listenForConsole(
  options: ConsoleOptions,
  where: ListenOptions = {},
): Promise<Listening> {
  const isLoopback = LOOPBACK.test(where.host ?? '127.0.0.1');
  const knowsWho =
    options?.token !== undefined || options?.tokenFile !== undefined || options?.userHeader !== undefined;
  if (!isLoopback && !knowsWho)
    throw invalidOption('host', `${where.host} is reached by others: give a token, or the header of a proxy`);
  const pages = await Console.make(options, isLoopback);
  const listening = await listen(pages.fetch, where);
  const stop: Listening['stop'] = async (how) => {
    pages.feed.close();
    await listening.stop(how);
  };
  return { url: listening.url, stop, [Symbol.asyncDispose]: () => stop() };
}
