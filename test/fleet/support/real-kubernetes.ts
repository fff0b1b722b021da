import { randomBytes } from 'node:crypto';
import { KubeConfig, KubernetesObjectApi } from '@kubernetes/client-node';
import { KubernetesProvider } from '../../../examples/fleet/src/provider/kubernetes-provider.ts';
import { render } from '../../kubernetes/support/render.ts';
import type { ProviderUnderTest } from './provider-contract.ts';

const image = process.env['HOLDFAST_IMAGE'];

/** Empty when a real server can be asked. */
export const WHAT_IS_MISSING = [
  process.env['KUBECONFIG'] ? '' : 'KUBECONFIG',
  image ? '' : 'HOLDFAST_IMAGE (what the Dockerfile makes, on the nodes of the cluster)',
]
  .filter(Boolean)
  .join(' and ');

/** A namespace of its own with the PodTemplate of k8s/machines, on the cluster of KUBECONFIG. */
export async function openRealKubernetes(signal: AbortSignal): Promise<ProviderUnderTest> {
  const config = new KubeConfig();
  config.loadFromDefault();
  const namespace = `holdfast-test-${randomBytes(4).toString('hex')}`;
  const objects = KubernetesObjectApi.makeApiClient(config);
  const own = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await objects.create(own);
  for (const manifest of render('k8s/machines'))
    if (manifest.kind === 'ServiceAccount' || manifest.kind === 'PodTemplate') {
      manifest.metadata.namespace = namespace;
      if (manifest.kind === 'PodTemplate') manifest.template.spec.containers[0].image = image;
      await objects.create(manifest);
    }
  const provider = new KubernetesProvider({
    config,
    namespace,
    template: 'machine',
    agentArguments: ['--agent-api', 'http://127.0.0.1:1'],
  });
  return {
    provider,
    [Symbol.asyncDispose]: async () => {
      for (const { providerId } of await provider.listMachines(signal))
        await provider.destroyMachine(providerId, signal);
      await objects.delete(own);
    },
  };
}
