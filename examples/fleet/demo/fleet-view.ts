/** What the demo reads from the database, all of it in one read-only transaction. */

import type { Database } from '../../../src/index.ts';
import { type HeldMachinesRow, heldMachines } from '../src/queries/audit.ts';
import { type ListMachinesRow, listMachines } from '../src/queries/machines.ts';
import type { Child } from './child.ts';
import { SETTINGS } from './settings.ts';

export interface FleetView {
  readonly machines: readonly ListMachinesRow[];
  readonly held: readonly HeldMachinesRow[];
}

export function readFleet(db: Database): Promise<FleetView> {
  return db.transact(
    async (tx) => {
      const [machines, held] = await Promise.all([
        listMachines(tx, { silentMs: BigInt(SETTINGS.silentMs) }),
        heldMachines(tx),
      ]);
      return { machines, held };
    },
    { name: 'DemoView', readOnly: true },
  );
}

/** Whether work is held by that process. */
export const isHeldBy = (held: HeldMachinesRow, child: Child) => held.instance.endsWith(` pid ${child.pid}`);

/** `3 provided, 11 running` */
export function countStates(machines: readonly ListMachinesRow[]): string {
  const counts = new Map<string, number>();
  for (const { state } of machines) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ') || 'none';
}
