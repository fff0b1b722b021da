/** Starts the first agent on machines that have none. Ends with the tag `agent started`. */
import type { Database } from '../../../../src/index.ts';
import { INITIALIZE } from '../processes.ts';
import type { Provider } from '../provider/provider.ts';
import { machinesToInitialize } from '../queries/agents.ts';
import { type Component, type ComponentOptions, exclusively, runComponent, startAt } from './component.ts';
import { startAgent } from './start-agent.ts';

export interface InitializerOptions extends ComponentOptions {
  readonly provider: Provider;
}

export function runInitializer(db: Database, options: InitializerOptions): Component {
  const { provider } = options;
  return runComponent(db, 'initializer', options, [
    {
      kind: INITIALIZE,
      candidates: async (tx, wanted) =>
        exclusively(await machinesToInitialize(tx, { provider: provider.name, ...startAt(wanted) })),
      handle: async (work, signal) => {
        await startAgent(work, provider, signal);
        options.log.info({ machineId: work.target, token: work.token.toString() }, 'agent started');
      },
    },
  ]);
}
