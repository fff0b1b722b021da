/** The agents' HTTP API as a component. */
import type { AddressInfo } from 'node:net';
import type { Database } from '../../../../src/index.ts';
import { type AgentApiOptions, createAgentApi } from '../agent-api/server.ts';
import type { Logger } from '../logger.ts';
import type { Component } from './component.ts';
import { ListenError } from './listen-error.ts';

/** The longest that a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

export interface AgentApiComponentOptions extends AgentApiOptions {
  readonly log: Logger;
  readonly host: string;
  /** 0 takes a free one, which `url` then names. */
  readonly port: number;
}

export async function runAgentApi(
  db: Database,
  options: AgentApiComponentOptions,
): Promise<Component & { readonly url: string }> {
  const { log, host, port } = options;
  const app = createAgentApi(db, {
    ...options,
    onError: (error) => log.error({ err: error }, 'a heartbeat could not be filed'),
  });
  const done = Promise.withResolvers<void>();
  await app.listen({ host, port }).catch((cause) => {
    throw new ListenError(host, port, '--listen', cause);
  });
  const address = app.server.address() as AddressInfo;
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  log.info({ url }, 'listening');
  return {
    name: 'agent-api',
    url,
    done: done.promise,
    // Requests under way are answered, unless they take longer than the grace time; agents go to another replica
    // for the next.
    stop: async ({ graceMs }) => {
      app.server.closeIdleConnections();
      const timer = setTimeout(() => app.server.closeAllConnections(), Math.min(graceMs, LONGEST_MS));
      await app.close();
      clearTimeout(timer);
      done.resolve();
    },
  };
}
