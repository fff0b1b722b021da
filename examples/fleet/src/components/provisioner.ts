/**
 * Brings inventory, database and provider together, both ways. Three control loops: one replica at a time
 * compares (`FleetReconcile`, one target a provider); any number create machines that are wanted
 * (`FleetProvision`) and retire those that are not any more (`FleetRetire`), one target a machine.
 *
 * Killed between any two steps, the next holder repeats them to the same end: creating is idempotent by the
 * machine's id, destroying succeeds twice, and all that is written is written by the finishing transaction.
 */
import type { Database, Transaction, Work } from '../../../../src/index.ts';
import { readInventory } from '../inventory/inventory.ts';
import { PROVISION, RECONCILE, RETIRE } from '../processes.ts';
import type { Provider } from '../provider/provider.ts';
import { deleteAgentEpoch } from '../queries/agents.ts';
import { getMachine } from '../queries/machines.ts';
import {
  adoptMachine,
  deleteMachine,
  deleteProvided,
  knownMachines,
  machinesToProvision,
  machinesToRetire,
  markMissing,
  markProvided,
  markUnwanted,
  reconciliationDue,
  recordReconciliation,
  unmarkMissing,
  unmarkUnwanted,
  wantMachines,
} from '../queries/provisioning.ts';
import { type Component, type ComponentOptions, exclusively, runComponent, startAt } from './component.ts';
import { planReconciliation } from './reconciliation.ts';
import { forgetAgent } from './tags.ts';

export interface ProvisionerOptions extends ComponentOptions {
  readonly provider: Provider;
  /** Read anew at every comparison. */
  readonly inventoryFile: string;
  /** How often to compare, in milliseconds. */
  readonly reconcileIntervalMs: number;
}

export function runProvisioner(db: Database, options: ProvisionerOptions): Component {
  const { provider, inventoryFile, reconcileIntervalMs: intervalMs } = options;

  async function reconcile(work: Work, signal: AbortSignal): Promise<void> {
    const inventory = await readInventory(inventoryFile);
    const known = await work.transact((tx) => knownMachines(tx, { provider: provider.name }));
    const plan = planReconciliation(inventory, known, await provider.listMachines(signal));
    if (plan.destroy.length > 0) {
      // A holder that was overtaken while the provider answered fails here, before it destroys what it knows nothing of.
      await work.transact((tx) => knownMachines(tx, { provider: provider.name }));
      for (const providerId of plan.destroy) {
        signal.throwIfAborted();
        await provider.destroyMachine(providerId, signal);
      }
    }
    // A machine in place of one that vanished starts with nothing on it.
    const replaced = known.filter(
      ({ name, providerId }) => providerId !== null && plan.adopt.some((adopted) => adopted.name === name),
    );
    await work.finish(async (tx) => {
      await Promise.all([
        wantMachines(tx, {
          provider: provider.name,
          names: inventory.machines.map((machine) => machine.name),
          osImages: inventory.machines.map((machine) => machine.os ?? ''),
        }),
        ...plan.adopt.map((machine) => adoptMachine(tx, { ...machine, provider: provider.name })),
        ...replaced.map(({ machineId }) => forgetAgent(tx, machineId)),
        markMissing(tx, { machineIds: plan.nowMissing }),
        unmarkMissing(tx, { machineIds: plan.foundAgain }),
        markUnwanted(tx, { machineIds: plan.nowUnwanted }),
        unmarkUnwanted(tx, { machineIds: plan.wantedAgain }),
        recordReconciliation(tx, { provider: provider.name }),
      ]);
    });
    const { adopt, destroy, nowMissing, nowUnwanted } = plan;
    if (adopt.length + destroy.length + nowMissing.length + nowUnwanted.length > 0)
      options.log.info({ adopt, destroy, nowMissing, nowUnwanted }, 'reconciled');
  }

  async function provision(work: Work, signal: AbortSignal): Promise<void> {
    const machineId = work.target;
    const machine = await work.transact((tx) => getMachine(tx, { machineId }));
    if (!machine) return work.cancel();
    const { providerId } = await provider.createMachine({ machineId, name: machine.name }, signal);
    await work.finish(async (tx) => {
      const isAnother = machine.providerId !== null;
      await Promise.all([
        markProvided(tx, { machineId, provider: provider.name, providerId }),
        unmarkMissing(tx, { machineIds: [machineId] }),
        isAnother ? forgetAgent(tx, machineId) : undefined,
      ]);
    });
    options.log.info({ machine: machine.name, providerId }, 'provisioned');
  }

  async function retire(work: Work, signal: AbortSignal): Promise<void> {
    const machineId = work.target;
    const machine = await work.transact((tx) => getMachine(tx, { machineId }));
    if (!machine) return work.cancel();
    signal.throwIfAborted();
    if (machine.providerId !== null) await provider.destroyMachine(machine.providerId, signal);
    await work.finish(async (tx: Transaction) => {
      await Promise.all([
        forgetAgent(tx, machineId),
        deleteAgentEpoch(tx, { machineId }),
        unmarkMissing(tx, { machineIds: [machineId] }),
        unmarkUnwanted(tx, { machineIds: [machineId] }),
        deleteProvided(tx, { machineId }),
        deleteMachine(tx, { machineId }),
      ]);
    });
    options.log.info({ machine: machine.name }, 'retired');
  }

  return runComponent(db, 'provisioner', options, [
    {
      kind: RECONCILE,
      parallelism: 1,
      candidates: async (tx) =>
        (await reconciliationDue(tx, { provider: provider.name, intervalMs: BigInt(intervalMs) })).due
          ? [provider.name]
          : [],
      handle: reconcile,
    },
    {
      kind: PROVISION,
      candidates: async (tx, wanted) =>
        exclusively(await machinesToProvision(tx, { provider: provider.name, ...startAt(wanted) })),
      handle: provision,
    },
    {
      kind: RETIRE,
      candidates: async (tx, wanted) =>
        exclusively(await machinesToRetire(tx, { provider: provider.name, ...startAt(wanted) })),
      handle: retire,
    },
  ]);
}
