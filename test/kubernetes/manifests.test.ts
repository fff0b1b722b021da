import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { bytes, policyErrors } from './support/policy.ts';
import { type Manifest, OVERLAYS, renderOverlay, templateOf } from './support/render.ts';
import { RELEASE, schemaErrors } from './support/schema.ts';

const COMPONENTS = [
  'provisioner',
  'initializer',
  'recoverer',
  'installer',
  'agent-api',
  'janitor',
  'console',
];

describe.each(OVERLAYS)('overlay %s', (overlay) => {
  const manifests = renderOverlay(overlay);
  const named = (kind: string, name: string) =>
    manifests.find((one) => one.kind === kind && one.metadata.name === name);

  test('every object fits the schemas of Kubernetes, field by field', async () => {
    expect((await Promise.all(manifests.map(schemaErrors))).flat()).toEqual([]);
  });

  test('every object keeps the rules: restricted Pods, probes, drains, budgets, selectors, files for secrets', () => {
    expect(policyErrors(manifests)).toEqual([]);
  });

  test('there is a Deployment for every component of the fleet, each with the certificate of its own user', async () => {
    const names = manifests.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name);
    expect(names.sort()).toEqual([...COMPONENTS].sort());
    const users = named('ConfigMap', 'users')!.data['users.sql'];
    const grants = named('ConfigMap', 'grants')!.data['grants.sql'];
    for (const name of COMPONENTS) {
      const { volumes, containers } = named('Deployment', name)!.spec.template.spec;
      expect(volumes).toContainEqual({
        name: 'certificate',
        secret: { secretName: `certificate-${name}`, defaultMode: 0o440 },
      });
      expect(containers[0].command.slice(-2)).toEqual(['fleet', name]);
      const quoted = name.includes('-') ? `"${name}"` : name;
      expect(users).toContain(`CREATE USER IF NOT EXISTS ${quoted};`);
      expect(grants).toContain(quoted);
    }
  });

  test("the console reads: its user has the reader's rights, and no action can be asked for", () => {
    const [container] = named('Deployment', 'console')!.spec.template.spec.containers;
    expect(JSON.stringify(container)).not.toContain('ACTIONS');
    const lines = named('ConfigMap', 'grants')!.data['grants.sql'].match(/^GRANT [^;]*\bconsole\b[^;]*;/gm);
    const rights = lines.map((line: string) => line.split(' ON ')[0]);
    expect([...new Set(rights)].sort()).toEqual(['GRANT SELECT', 'GRANT USAGE']);
  });

  test('the Job makes every certificate that is mounted, and may write no other Secret', () => {
    const mounted = manifests
      .flatMap(({ spec }) => spec?.template?.spec.volumes ?? [])
      .map((volume: Manifest) => volume.secret?.secretName)
      .filter((name?: string) => name?.startsWith('certificate-'));
    const made = named('ConfigMap', 'certificates')!.data['certificates.txt'].trim().split('\n');
    expect(made.map((name: string) => `certificate-${name}`).sort()).toEqual([...new Set(mounted)].sort());
    const { resourceNames } = named('Role', 'certificates')!.rules.at(-1);
    expect(resourceNames.sort()).toEqual(['certificate-ca', ...new Set(mounted)].sort());
  });
});

test('local fits on one node of 4 GB, and asks for nothing that is installed apart', () => {
  const manifests = renderOverlay('local');
  let total = 0;
  for (const { kind, spec } of manifests)
    if (kind === 'Deployment' || kind === 'StatefulSet')
      for (const { resources } of spec.template.spec.containers)
        total += spec.replicas * bytes(resources.limits.memory);
  // The rest is for Kubernetes itself.
  expect(total).toBeLessThanOrEqual(3.5 * 2 ** 30);
  expect(manifests.map(({ kind }) => kind)).not.toContain('HorizontalPodAutoscaler');
  for (const { kind, spec } of manifests)
    if (kind === 'PersistentVolumeClaim') expect(spec.accessModes).toEqual(['ReadWriteOnce']);
  const images = JSON.stringify(manifests).match(/"image":"[^"]+"/g)!;
  expect([...new Set(images)].sort()).toEqual([
    expect.stringMatching(/"cockroachdb\/cockroach:v[\d.]+"/),
    '"image":"holdfast-fleet:local"',
  ]);
});

test('production scales what does work on waiting work, and never puts two database nodes on one machine', () => {
  const manifests = renderOverlay('production');
  const scaled = manifests.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
  expect(scaled.map(({ metadata }) => metadata.name).sort()).toEqual([
    'initializer',
    'installer',
    'provisioner',
    'recoverer',
  ]);
  const { affinity } = manifests.find(({ kind }) => kind === 'StatefulSet')!.spec.template.spec;
  expect(affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey).toBe(
    'kubernetes.io/hostname',
  );
});

// Debian's promtool is built without the discovery of Kubernetes, so it cannot read this file.
test('the scrape configuration keeps the port of the metrics of every component, and no other', async () => {
  const { scrape_configs: jobs } = parse(await readFile('k8s/telemetry/prometheus-pods.yaml', 'utf8'));
  const [{ kubernetes_sd_configs: discoveries, relabel_configs: relabels }] = jobs;
  expect([jobs.length, discoveries]).toEqual([1, [{ role: 'pod', namespaces: { names: ['holdfast'] } }]]);
  const kept: string[] = [];
  for (const { kind, metadata, spec } of renderOverlay('production'))
    for (const container of kind === 'Deployment' ? spec.template.spec.containers : [])
      for (const port of container.ports) {
        const labels: Record<string, string> = {
          __meta_kubernetes_pod_name: metadata.name,
          __meta_kubernetes_pod_container_port_name: port.name,
        };
        for (const [name, value] of Object.entries<string>(spec.template.metadata.annotations))
          labels[`__meta_kubernetes_pod_annotation_${name.replaceAll(/\W/g, '_')}`] = value;
        const isKept = relabels.every(
          ({ action, regex, source_labels: [label] }: Manifest) =>
            action !== 'keep' || new RegExp(`^(?:${regex})$`).test(labels[label] ?? ''),
        );
        if (isKept) kept.push(`${metadata.name}:${port.containerPort}`);
      }
  expect(kept.sort()).toEqual(COMPONENTS.map((name) => `${name}:9464`).sort());
});

test('only what has rights at the API server has a token: the Job of the certificates, and with machines that are Pods three more', () => {
  const withToken = (overlay: (typeof OVERLAYS)[number]) =>
    renderOverlay(overlay)
      .filter((one) => templateOf(one)?.spec.automountServiceAccountToken)
      .map(({ metadata }) => metadata.name)
      .sort();
  expect(withToken('local')).toEqual(['certificates']);
  expect(withToken('production')).toEqual(['certificates']);
  expect(withToken('machines')).toEqual(['certificates', 'initializer', 'provisioner', 'recoverer']);
});

test('with machines that are Pods no component keeps folders, and every one knows the provider', () => {
  const manifests = renderOverlay('machines');
  expect(manifests.filter(({ kind }) => kind === 'PersistentVolumeClaim')).toEqual([]);
  const settings = manifests.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && /^settings-/.test(metadata.name),
  );
  expect(settings.data).toMatchObject({
    HOLDFAST_FLEET_PROVIDER: 'kubernetes',
    HOLDFAST_FLEET_MACHINES_NAMESPACE: 'holdfast-machines',
    DATABASE_HOSTS: 'cockroachdb-public:26257',
  });
  // The same release in both.
  const [machine] = manifests.find(({ kind }) => kind === 'PodTemplate').template.spec.containers;
  const images = manifests
    .filter(({ kind }) => kind === 'Deployment')
    .map(({ spec }) => spec.template.spec.containers[0].image);
  expect([...new Set(images)]).toEqual([machine.image]);
});

test('the page names the release whose schemas these are', async () => {
  expect(await readFile('docs/kubernetes.md', 'utf8')).toContain(`Kubernetes ${RELEASE}`);
  const model = await readFile('node_modules/@kubernetes/client-node/dist/gen/models/V1Pod.js', 'utf8');
  expect(model).toContain(`release-${RELEASE}`);
});
