import type { Work } from '../../../../src/index.ts';
import type { Provider } from '../provider/provider.ts';
import { deleteHeartbeat, markAgentStarted, nextAgentEpoch } from '../queries/agents.ts';
import { getMachine } from '../queries/machines.ts';

/**
 * What initializer and recoverer have in common: starts an agent on the machine that the work is about, and
 * finishes the work by making the agent's key the one that speaks for the machine.
 *
 * The epoch is taken from the database while the work is held, so a holder that was taken over has the lower
 * one and the provider turns it away, however late it comes; this protects what is outside the database as
 * the fence protects what is inside.
 */
export async function startAgent(work: Work, provider: Provider, signal: AbortSignal): Promise<void> {
  const machineId = work.target;
  const { machine, epoch } = await work.transact(async (tx) => {
    const [found, next] = await Promise.all([
      getMachine(tx, { machineId }),
      nextAgentEpoch(tx, { machineId }),
    ]);
    return { machine: found, epoch: next.epoch };
  });
  if (machine?.providerId === null || machine === undefined) return work.cancel();
  const { publicKey } = await provider.startAgent(
    { providerId: machine.providerId, machineId, epoch },
    signal,
  );
  await work.finish(async (tx) => {
    await Promise.all([
      markAgentStarted(tx, { machineId, epoch, agentPublicKey: publicKey }),
      deleteHeartbeat(tx, { machineId }),
    ]);
  });
}
