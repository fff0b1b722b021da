import type { Transaction } from '../../../../src/index.ts';
import { deleteAgentStarted, deleteHardwareReport, deleteHeartbeat } from '../queries/agents.ts';
import { deleteInstallationReport, deleteInstallationRequest } from '../queries/installation.ts';

/** Takes away all that is known through a machine's agent: what is left is a machine as it came. */
export async function forgetAgent(tx: Transaction, machineId: string): Promise<void> {
  await Promise.all([
    deleteAgentStarted(tx, { machineId }),
    deleteHeartbeat(tx, { machineId }),
    deleteHardwareReport(tx, { machineId }),
    deleteInstallationRequest(tx, { machineId }),
    deleteInstallationReport(tx, { machineId }),
  ]);
}
