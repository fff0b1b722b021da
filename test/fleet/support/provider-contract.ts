import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  AgentStartError,
  MachineNotFoundError,
  type Provider,
  StaleEpochError,
} from '../../../examples/fleet/src/provider/provider.ts';
import { waitFor } from '../../support/wait-for.ts';

export interface ProviderUnderTest extends AsyncDisposable {
  readonly provider: Provider;
  /** Epochs of the agents that run on a machine now. Undefined: it cannot be seen from here. */
  readonly agents?: (providerId: string) => Promise<readonly bigint[]>;
}

/** What every provider promises: provider.ts. */
export function describeProvider(name: string, open: () => Promise<ProviderUnderTest>): void {
  describe(`provider ${name}`, () => {
    const never = new AbortController().signal;
    let under: ProviderUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under[Symbol.asyncDispose]());

    async function createMachine(machine = 'node') {
      const machineId = randomUUID();
      const { providerId } = await under.provider.createMachine({ machineId, name: machine }, never);
      return { machineId, providerId };
    }
    const runs = (providerId: string, epochs: readonly bigint[]) =>
      waitFor(async () => String(await under.agents?.(providerId)) === String(under.agents && epochs), {
        what: `the agents ${epochs} of ${providerId}`,
      });

    test('a machine is created once however often it is asked for, also at the same time', async () => {
      const request = { machineId: randomUUID(), name: 'node' };
      const machines = await Promise.all(
        Array.from({ length: 8 }, () => under.provider.createMachine(request, never)),
      );
      expect(new Set(machines.map(({ providerId }) => providerId)).size).toBe(1);
      expect(await under.provider.createMachine(request, never)).toMatchObject({ name: 'node' });
      const [{ providerId }] = machines as [{ providerId: string }];
      expect(await under.provider.listMachines(never)).toEqual([{ providerId, name: 'node' }]);
    });

    test('machines are listed with their names until they are destroyed, which succeeds twice', async () => {
      const first = await createMachine('rack1 node 01');
      const second = await createMachine('rack1 node 02');
      const third = await createMachine('rack1 node 03');
      const names = async () =>
        (await under.provider.listMachines(never)).map((machine) => machine.name).sort();
      expect(await names()).toEqual(['rack1 node 01', 'rack1 node 02', 'rack1 node 03']);
      await under.provider.startAgent({ ...second, epoch: 1n }, never);
      await under.provider.destroyMachine(second.providerId, never);
      await under.provider.destroyMachine(second.providerId, never);
      expect(await names()).toEqual(['rack1 node 01', 'rack1 node 03']);
      await runs(second.providerId, []);
      for (const { providerId } of [first, third]) await under.provider.destroyMachine(providerId, never);
      expect(await names()).toEqual([]);
    });

    test('a machine that was destroyed is created anew when it is asked for', async () => {
      const { machineId, providerId } = await createMachine();
      await under.provider.destroyMachine(providerId, never);
      const again = await under.provider.createMachine({ machineId, name: 'node' }, never);
      expect(await under.provider.listMachines(never)).toEqual([
        { providerId: again.providerId, name: 'node' },
      ]);
    });

    test('a higher epoch deposes an agent, and one that is not higher is refused and changes nothing', async () => {
      const machine = await createMachine();
      const first = await under.provider.startAgent({ ...machine, epoch: 1n }, never);
      expect(first.publicKey).toHaveLength(32);
      await runs(machine.providerId, [1n]);
      const second = await under.provider.startAgent({ ...machine, epoch: 10n }, never);
      expect(second.publicKey).not.toEqual(first.publicKey);
      await runs(machine.providerId, [10n]);
      for (const epoch of [1n, 9n, 10n])
        await expect(under.provider.startAgent({ ...machine, epoch }, never)).rejects.toBeInstanceOf(
          StaleEpochError,
        );
      await runs(machine.providerId, [10n]);
    });

    test('of starts at the same time the highest epoch remains', async () => {
      const machine = await createMachine();
      const starts = [2n, 3n, 1n].map((epoch) => under.provider.startAgent({ ...machine, epoch }, never));
      const ends = await Promise.allSettled(starts);
      expect(ends[1]).toMatchObject({ status: 'fulfilled' });
      for (const end of ends)
        if (end.status === 'rejected')
          expect(end.reason instanceof StaleEpochError || end.reason instanceof AgentStartError).toBe(true);
      await runs(machine.providerId, [3n]);
    });

    test('a machine that is not there has no agent', async () => {
      const { machineId, providerId } = await createMachine();
      await under.provider.destroyMachine(providerId, never);
      for (const id of [providerId, 'nothing'])
        await expect(
          under.provider.startAgent({ machineId, providerId: id, epoch: 1n }, never),
        ).rejects.toBeInstanceOf(MachineNotFoundError);
    });
  });
}
