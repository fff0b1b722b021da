/** The console as a component: its pages show the fleet's machines and their tags beside what Holdfast knows of them. */
import { type ConsoleOptions, listenForConsole } from '../../../../src/console/index.ts';
import type { Database } from '../../../../src/index.ts';
import { machinesFace } from '../console/machines-face.ts';
import type { Logger } from '../logger.ts';
import type { Component } from './component.ts';
import { ListenError } from './listen-error.ts';

export interface FleetConsoleOptions
  extends Pick<ConsoleOptions, 'actions' | 'tokenFile' | 'userHeader' | 'baseUrl'> {
  readonly log: Logger;
  readonly host: string;
  /** 0 takes a free one, which `url` then names. */
  readonly port: number;
}

export async function runFleetConsole(
  db: Database,
  options: FleetConsoleOptions,
): Promise<Component & { readonly url: string }> {
  const { log, host, port, actions, tokenFile, userHeader, baseUrl } = options;
  const server = await listenForConsole(
    {
      db,
      faces: [machinesFace()],
      onError: (error) => log.error({ err: error }, 'a page could not be given'),
      actions,
      tokenFile,
      userHeader,
      baseUrl,
    },
    { host, port },
  ).catch((error) => {
    throw error?.code === 'HOLDFAST_LISTEN' ? new ListenError(host, port, '--pages', error.cause) : error;
  });
  const done = Promise.withResolvers<void>();
  log.info({ url: server.url, actions }, 'listening');
  return {
    name: 'console',
    url: server.url,
    done: done.promise,
    stop: async ({ graceMs }) => {
      await server.stop({ graceMs });
      done.resolve();
    },
  };
}
