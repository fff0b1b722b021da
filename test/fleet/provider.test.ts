import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { findAgent, listEpochs } from '../../examples/fleet/src/provider/agent-directory.ts';
import { KubernetesProvider } from '../../examples/fleet/src/provider/kubernetes-provider.ts';
import { ProcessProvider } from '../../examples/fleet/src/provider/process-provider.ts';
import { SimulatedProvider } from '../../examples/fleet/src/provider/simulated-provider.ts';
import { KubernetesServer } from './support/kubernetes-server.ts';
import { describeProvider } from './support/provider-contract.ts';
import { openRealKubernetes, WHAT_IS_MISSING } from './support/real-kubernetes.ts';

const main = fileURLToPath(new URL('../../examples/fleet/main.ts', import.meta.url));
// Nothing listens there: these agents are never accepted, and retry until the end of their machine.
const nobody = 'http://127.0.0.1:1';
const never = new AbortController().signal;

describeProvider('process', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-machines-'));
  const provider = new ProcessProvider({
    directory,
    agentCommand: [
      process.execPath,
      main,
      'fleet',
      'agent',
      '--agent-api',
      nobody,
      '--agent-heartbeat-ms',
      '50',
    ],
  });
  return {
    provider,
    agents: async (providerId) => {
      const machine = join(directory, providerId);
      const epochs = await listEpochs(machine);
      const found = await Promise.all(epochs.map((epoch) => findAgent(machine, epoch)));
      return epochs.filter((_, i) => found[i]);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { providerId } of await provider.listMachines()) await provider.destroyMachine(providerId);
      await rm(directory, { recursive: true, force: true });
    },
  };
});

describeProvider('simulated', async () => {
  const provider = new SimulatedProvider({
    apiUrls: [nobody],
    heartbeatIntervalMs: 50,
    lostAfterMs: 600_000,
  });
  return { provider, [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose]() };
});

describeProvider('kubernetes, before a server of recorded shapes', async () => {
  const server = await KubernetesServer.start();
  return {
    provider: new KubernetesProvider({ config: server.config, template: 'machine', agentArguments: [] }),
    agents: async (providerId) => server.agents(providerId),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

if (WHAT_IS_MISSING)
  test(`left out: the provider kubernetes before a real server, without ${WHAT_IS_MISSING}`, () => {
    expect(WHAT_IS_MISSING).toMatch(/./);
  });
else describeProvider('kubernetes, before the server of KUBECONFIG', () => openRealKubernetes(never));
