/**
 * `npm run test:kubernetes`: the manifests on the cluster of KUBECONFIG. Every overlay is tried by the server without being
 * kept; then `local` runs with the image HOLDFAST_IMAGE, loses a Pod, is updated and evicted under load, and is removed.
 */
import { parse, stringify } from 'yaml';
import { type Manifest, OVERLAYS, renderOverlay } from '../support/render.ts';
import { apply, inside, kubectl, list, NAMESPACE, until } from './kubectl.ts';

const MACHINES = 'holdfast-machines';
const image = process.env['HOLDFAST_IMAGE'];
if (!process.env['KUBECONFIG'] || !image) {
  console.error(`npm run test:kubernetes needs
  KUBECONFIG      a cluster of one node or more with 4 GB free, and kubectl 1.27 or newer on PATH
  HOLDFAST_IMAGE  the image of the Dockerfile, which the cluster's nodes have or can pull
It makes the namespaces "${NAMESPACE}" and "${MACHINES}", and removes them at the end.`);
  process.exit(2);
}

const say = (text: string) => console.log(`${new Date().toISOString()} ${text}`);
const node = (code: string) =>
  inside(['exec', 'deploy/janitor', '--', 'node', '--input-type=module', '-e', code]);
const rows = async (statement: string): Promise<string[][]> =>
  JSON.parse(
    await node(`
      import { connect } from '/app/src/index.js';
      await using db = await connect({ url: process.env.HOLDFAST_DATABASE_URL, pool: { max: 1 } });
      console.log(JSON.stringify((await db.execute({ text: ${JSON.stringify(statement)}, values: [] })).rows));`),
  );
const count = async (statement: string) => Number((await rows(statement))[0]![0]);

/** Makes work: so many machines, of which each takes some seconds to get. */
async function want(machines: number): Promise<void> {
  const map = JSON.parse(await inside(['get', 'configmap', 'inventory', '-o', 'json']));
  const inventory = parse(map.data['inventory.yaml']);
  inventory.machines = Array.from({ length: machines }, (_, i) => ({ name: `n${i}` }));
  const patch = { data: { 'inventory.yaml': stringify(inventory) } };
  await inside(['patch', 'configmap', 'inventory', '--type=merge', '-p', JSON.stringify(patch)]);
}

const areRunning = (machines: number) =>
  until(`${machines} machines are provided and speak`, async () => {
    const provided = await count('SELECT count(*) FROM fleet.machine_provided');
    const speak = await count(
      "SELECT count(*) FROM fleet.machine_agent_heartbeat WHERE agent_heartbeat_at > now() - INTERVAL '30 seconds'",
    );
    return provided === machines && speak === machines;
  });

/** Asked in one process of the cluster, again and again: a machine is ordered in seconds, which kubectl alone may take. */
const isHeld = () =>
  node(`
    import { connect } from '/app/src/index.js';
    await using db = await connect({ url: process.env.HOLDFAST_DATABASE_URL, pool: { max: 1 } });
    const text = "SELECT count(*) FROM holdfast.work WHERE kind = 'FleetProvision' AND holder IS NOT NULL";
    const end = Date.now() + 600_000;
    while (Number((await db.execute({ text, values: [] })).rows[0][0]) === 0) {
      if (Date.now() > end) throw new Error('no machine was ordered within ten minutes');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }`);

async function nothingAbandoned(after: string): Promise<void> {
  const abandoned = await count("SELECT count(*) FROM holdfast.ended_work WHERE event = 'abandoned'");
  if (abandoned > 0) throw new Error(`${after}: ${abandoned} pieces of work were abandoned`);
  say(`ok: ${after}, nothing was abandoned`);
}

const rolledOut = async () => {
  for (const { metadata } of await list('deployments'))
    await inside(['rollout', 'status', `deployment/${metadata.name}`, '--timeout=10m']);
  await inside(['rollout', 'status', 'statefulset/cockroachdb', '--timeout=10m']);
};

function localWithImage(): Manifest[] {
  const manifests = renderOverlay('local');
  for (const { kind, metadata, spec } of manifests) {
    for (const container of [
      ...(spec?.template?.spec.initContainers ?? []),
      ...(spec?.template?.spec.containers ?? []),
    ])
      if (container.image === 'holdfast-fleet:local') container.image = image;
    if (kind === 'Deployment' && metadata.name === 'provisioner')
      spec.template.spec.containers[0].env.push({ name: 'HOLDFAST_FLEET_CREATE_DELAY_MS', value: '15000' });
  }
  return manifests;
}

async function run(): Promise<void> {
  for (const overlay of OVERLAYS) {
    await apply(renderOverlay(overlay), '--dry-run=server', '--force-conflicts');
    say(`ok: the server takes every object of ${overlay}`);
  }

  await apply(localWithImage());
  for (const job of ['certificates', 'initialize', 'migrate'])
    await inside(['wait', `job/${job}`, '--for=condition=complete', '--timeout=10m']);
  await rolledOut();
  await areRunning(4);
  say('ok: the fleet runs');

  await want(6);
  await isHeld();
  const [pod] = JSON.parse(
    await inside(['get', 'pods', '-l', 'app.kubernetes.io/component=provisioner', '-o', 'json']),
  ).items;
  await inside(['delete', 'pod', pod.metadata.name]);
  await areRunning(6);
  await nothingAbandoned('a Pod was deleted under load');

  await want(3);
  let least = Number.POSITIVE_INFINITY;
  let isUpdating = true;
  const watching = (async () => {
    while (isUpdating)
      for (const { spec, status } of await list('deployments'))
        least = Math.min(least, (status.availableReplicas ?? 0) - spec.replicas);
  })();
  await inside(['rollout', 'restart', 'deployment']);
  await rolledOut();
  isUpdating = false;
  await watching;
  if (least < 0) throw new Error(`the update lowered the capacity of a component by ${-least}`);
  await areRunning(3);
  await nothingAbandoned('every component was updated under load');

  await rolledOut();
  const evict = (name: string) =>
    kubectl(
      ['create', '--raw', `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`, '-f', '-'],
      JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } }),
    );
  await evict('cockroachdb-0');
  const second = await evict('cockroachdb-1').then(
    () => 'was allowed',
    (error: Error) => error.message,
  );
  if (!/disruption budget/.test(second)) throw new Error(`the second eviction at once: ${second}`);
  await want(4);
  await areRunning(4);
  await inside(['rollout', 'status', 'statefulset/cockroachdb', '--timeout=10m']);
  say('ok: one database node was evicted, a second one was not, and the fleet went on');
}

const namespaces = [NAMESPACE, MACHINES];
const existing = await kubectl(['get', 'namespace', ...namespaces, '--ignore-not-found', '-o', 'name']);
if (existing !== '') {
  console.error(`${existing.trim().replaceAll('\n', ', ')} is there already: this would remove it`);
  process.exit(2);
}
try {
  // Without them the server tries nothing that is inside.
  await apply(renderOverlay('machines').filter(({ kind }) => kind === 'Namespace'));
  await run();
} catch (error) {
  console.error(error);
  console.error(await inside(['get', 'pods,jobs,events']).catch(String));
  process.exitCode = 1;
} finally {
  await kubectl(['delete', 'namespace', ...namespaces, '--ignore-not-found', '--timeout=10m']);
  say('removed');
}
