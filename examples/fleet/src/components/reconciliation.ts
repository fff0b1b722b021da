import type { Inventory } from '../inventory/inventory.ts';
import type { ProvidedMachine } from '../provider/provider.ts';

/** A machine of the database, as far as reconciliation looks at it. */
export interface KnownMachine {
  readonly machineId: string;
  readonly name: string;
  readonly providerId: string | null;
  readonly missing: boolean;
  readonly unwanted: boolean;
}

/** What makes inventory, database and provider agree. Creating and retiring are work of their own. */
export interface ReconciliationPlan {
  /** Machines of the provider that take the place of an inventory machine that has none. */
  readonly adopt: readonly { readonly name: string; readonly providerId: string }[];
  /** Machines of the provider that belong to nothing. */
  readonly destroy: readonly string[];
  /** Machine ids whose tag changes. */
  readonly nowMissing: readonly string[];
  readonly foundAgain: readonly string[];
  readonly nowUnwanted: readonly string[];
  readonly wantedAgain: readonly string[];
}

/**
 * Compares the three views of a fleet. `known` must have been read BEFORE `listed` was asked for: then a known
 * machine that is not listed has vanished, and is not merely new.
 *
 * A listed machine that nobody knows is adopted when the inventory has its name and the machine of that name
 * has no other that is still there: it is what a provisioner left that died between creating it and saying
 * so. Any other is destroyed.
 */
export function planReconciliation(
  inventory: Inventory,
  known: readonly KnownMachine[],
  listed: readonly ProvidedMachine[],
): ReconciliationPlan {
  const inventoryNames = new Set(inventory.machines.map((machine) => machine.name));
  const listedIds = new Set(listed.map((machine) => machine.providerId));
  const knownIds = new Set(known.map((machine) => machine.providerId));
  const isBacked = ({ providerId }: KnownMachine) => providerId !== null && listedIds.has(providerId);
  const backedNames = new Set(known.filter(isBacked).map((machine) => machine.name));
  const knownNames = new Set(known.map((machine) => machine.name));

  const adopt: { name: string; providerId: string }[] = [];
  const destroy: string[] = [];
  for (const { providerId, name } of listed) {
    if (knownIds.has(providerId)) continue;
    const isWanted = name !== undefined && (inventoryNames.has(name) || knownNames.has(name));
    if (isWanted && !backedNames.has(name)) {
      adopt.push({ name, providerId });
      backedNames.add(name);
    } else destroy.push(providerId);
  }

  const ids = (test: (machine: KnownMachine) => boolean) =>
    known.filter(test).map((machine) => machine.machineId);
  return {
    adopt,
    destroy,
    nowMissing: ids(
      (machine) => machine.providerId !== null && !machine.missing && !backedNames.has(machine.name),
    ),
    foundAgain: ids((machine) => machine.missing && backedNames.has(machine.name)),
    nowUnwanted: ids((machine) => !machine.unwanted && !inventoryNames.has(machine.name)),
    wantedAgain: ids((machine) => machine.unwanted && inventoryNames.has(machine.name)),
  };
}
