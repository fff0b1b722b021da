/**
 * Asks agents to install the operating system that the inventory wants: a request with the next generation,
 * which the agent fetches with a heartbeat and reports about with another.
 */
import type { Database } from '../../../../src/index.ts';
import { INSTALL } from '../processes.ts';
import { machinesToInstall, requestInstallation } from '../queries/installation.ts';
import { type Component, type ComponentOptions, exclusively, runComponent, startAt } from './component.ts';

export interface InstallerOptions extends ComponentOptions {
  /** Machines whose agent has been silent for so long are left alone, in milliseconds. */
  readonly silentMs: number;
  /** How long after a failed installation to ask again, in milliseconds. */
  readonly retryMs: number;
}

export function runInstaller(db: Database, options: InstallerOptions): Component {
  const bounds = { silentMs: BigInt(options.silentMs), retryMs: BigInt(options.retryMs) };
  return runComponent(db, 'installer', options, [
    {
      kind: INSTALL,
      candidates: async (tx, wanted) =>
        exclusively(await machinesToInstall(tx, { ...bounds, ...startAt(wanted) })),
      handle: async (work) => {
        const request = await work.finish((tx) => requestInstallation(tx, { machineId: work.target }));
        options.log.info({ machineId: work.target, ...request }, 'installation requested');
      },
    },
  ]);
}
