// The fleet's processes with the provider kubernetes, before a server of recorded shapes with real agents in its Pods.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { startComponent } from '../fleet/support/component-process.ts';
import { KubernetesServer } from '../fleet/support/kubernetes-server.ts';
import { createTestDatabase, waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';

test('machines that are Pods come up, heal when an agent or a whole Pod is lost, and go', async () => {
  const { url } = await createTestDatabase();
  await using server = await KubernetesServer.start();
  await using db = await connect({ url });
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-kubernetes-'));
  const inventory = join(folder, 'inventory.yaml');
  await writeFile(inventory, 'machines: [{ name: n1, os: debian-13 }, { name: n2 }]\n');
  // As in a Pod: what a configuration says, and nothing else.
  await writeFile(join(folder, 'kubeconfig'), server.config.exportConfig());
  const env = { KUBECONFIG: join(folder, 'kubeconfig'), HOLDFAST_FLEET_PROVIDER: 'kubernetes' };
  const often = ['--poll-interval-ms', '100'];
  await using api = startComponent('agent-api', ['--listen', '127.0.0.1:0'], url);
  const { url: agentApi } = await api.said('listening');
  const provider = [...often, '--agent-api', String(agentApi)];
  const reconciling = ['--inventory', inventory, '--reconcile-interval-ms', '300'];
  const recovering = ['--silent-ms', '1500', '--first-heartbeat-ms', '3000'];
  await using provisioner = startComponent('provisioner', [...provider, ...reconciling], url, env);
  await using _initializer = startComponent('initializer', provider, url, env);
  await using _recoverer = startComponent('recoverer', [...provider, ...recovering], url, env);
  await using _installer = startComponent('installer', often, url);

  const count = async (text: string) => Number((await db.execute(sql(text))).rows[0]![0]);
  await waitFor(async () => (await count('SELECT count(*) FROM fleet.machine_hardware_report')) === 2);
  await waitFor(async () => (await count('SELECT count(*) FROM fleet.machine_os_installation_report')) === 1);
  const { rows } = await db.execute(
    sql(
      "SELECT p.provider, p.provider_id FROM fleet.machine_provided AS p JOIN fleet.machine AS m USING (machine_id) WHERE m.name = 'n1'",
    ),
  );
  const [providerName, pod] = rows[0] as [string, string];
  expect([providerName, [...server.pods.keys()]]).toEqual(['kubernetes', expect.arrayContaining([pod])]);

  // Its container is started again: the agent is gone, the machine is not.
  await server.restart(pod);
  await waitFor(() => server.agents(pod).some((epoch) => epoch > 1n), { what: 'another agent' });

  // Its Pod is evicted: the machine is made anew, and its agent speaks.
  const { uid } = server.pods.get(pod)!.metadata!;
  server.change(pod, (one) => {
    one.status = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' };
  });
  expect(await provisioner.said('a machine has ended by itself')).toMatchObject({
    why: 'its Pod has ended (Failed): Evicted: The node was low on resource: memory.',
  });
  await waitFor(() => (server.pods.get(pod)?.metadata?.uid ?? uid) !== uid, { what: 'another Pod' });
  await waitFor(async () => (await count('SELECT count(*) FROM fleet.machine_hardware_report')) === 2);

  await writeFile(inventory, 'machines: []\n');
  await waitFor(() => server.pods.size === 0, { what: 'every Pod to go' });
  await rm(folder, { recursive: true, force: true });
});
