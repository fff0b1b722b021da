/**
 * Starts another agent on machines whose agent was started but never spoke, or spoke and fell silent. The
 * bounds must be well above the agents' heartbeat interval: a heartbeat may be late for many reasons.
 */
import type { Database } from '../../../../src/index.ts';
import { RECOVER } from '../processes.ts';
import type { Provider } from '../provider/provider.ts';
import { machinesToRecover } from '../queries/agents.ts';
import { type Component, type ComponentOptions, exclusively, runComponent, startAt } from './component.ts';
import { startAgent } from './start-agent.ts';

export interface RecovererOptions extends ComponentOptions {
  readonly provider: Provider;
  /** How long a started agent may take to its first heartbeat, in milliseconds. */
  readonly firstHeartbeatMs: number;
  /** How long an agent may be silent, in milliseconds. */
  readonly silentMs: number;
}

export function runRecoverer(db: Database, options: RecovererOptions): Component {
  const { provider } = options;
  const bounds = {
    firstHeartbeatMs: BigInt(options.firstHeartbeatMs),
    silentMs: BigInt(options.silentMs),
  };
  return runComponent(db, 'recoverer', options, [
    {
      kind: RECOVER,
      candidates: async (tx, wanted) =>
        exclusively(await machinesToRecover(tx, { provider: provider.name, ...bounds, ...startAt(wanted) })),
      handle: async (work, signal) => {
        options.log.warn(
          { machineId: work.target, token: work.token.toString() },
          'agent is silent, restarting it',
        );
        await startAgent(work, provider, signal);
        options.log.info({ machineId: work.target, token: work.token.toString() }, 'agent restarted');
      },
    },
  ]);
}
