// The checks of manifests.test.ts would notice: each change of one object is found, by the rule that it breaks.
import { expect, test } from 'vitest';
import { policyErrors } from './support/policy.ts';
import { type Manifest, renderOverlay } from './support/render.ts';
import { schemaErrors } from './support/schema.ts';

const rendered = {
  local: renderOverlay('local'),
  production: renderOverlay('production'),
  machines: renderOverlay('machines'),
};

/** One object of a copy of an overlay is changed. */
function changed(
  kind: string,
  name: string,
  change: (manifest: Manifest) => void,
  overlay: keyof typeof rendered = 'local',
) {
  const manifests = structuredClone(rendered[overlay]);
  const manifest = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (!manifest) throw new Error(`there is no ${kind} ${name}`);
  change(manifest);
  return { manifests, manifest };
}

const set = (object: Manifest, key: string | number, value: unknown) => {
  object[key] = value;
};
const pod = (manifest: Manifest) => manifest.spec.template.spec;
const container = (manifest: Manifest) => pod(manifest).containers[0];
const environment = (manifest: Manifest, name: string) =>
  container(manifest).env.find((one: Manifest) => one.name === name);

const onDeployment: [string, (manifest: Manifest) => void, RegExp][] = [
  ['runs as root', (m) => set(pod(m).securityContext, 'runAsUser', 0), /may run as root/],
  ['may run as root', (m) => void delete pod(m).securityContext.runAsNonRoot, /may run as root/],
  ['a container runs as root', (m) => set(container(m).securityContext, 'runAsUser', 0), /runs as root/],
  ['no seccomp profile', (m) => void delete pod(m).securityContext.seccompProfile, /seccomp/],
  [
    'unconfined container',
    (m) => set(container(m).securityContext, 'seccompProfile', { type: 'Unconfined' }),
    /seccomp/,
  ],
  ['privileged', (m) => set(container(m).securityContext, 'privileged', true), /privileged/],
  ['escalation', (m) => void delete container(m).securityContext.allowPrivilegeEscalation, /gain privileges/],
  ['capabilities kept', (m) => void delete container(m).securityContext.capabilities, /capabilities/],
  [
    'a capability added',
    (m) => set(container(m).securityContext.capabilities, 'add', ['NET_ADMIN']),
    /capabilities/,
  ],
  ['writable root', (m) => void delete container(m).securityContext.readOnlyRootFilesystem, /can be written/],
  ['host network', (m) => set(pod(m), 'hostNetwork', true), /hostNetwork/],
  ['host path', (m) => void pod(m).volumes.push({ name: 'x', hostPath: { path: '/' } }), /hostPath/],
  ['host port', (m) => set(container(m).ports[0], 'hostPort', 80), /port 80 of its node/],
  ['no limits', (m) => void delete container(m).resources.limits, /no limit of memory/],
  ['no requests', (m) => void delete container(m).resources.requests, /no request of CPU/],
  [
    'requests above limits',
    (m) => set(container(m).resources.requests, 'memory', '1Gi'),
    /more memory than its limit/,
  ],
  ['no release of its image', (m) => set(container(m), 'image', 'holdfast-fleet'), /names no release/],
  ['no liveness', (m) => void delete container(m).livenessProbe, /a probe is missing/],
  ['no startup probe', (m) => void delete container(m).startupProbe, /a probe is missing/],
  [
    'liveness as readiness',
    (m) => set(container(m).livenessProbe.httpGet, 'path', '/readyz'),
    /liveness asks the database/,
  ],
  [
    'readiness as liveness',
    (m) => set(container(m).readinessProbe.httpGet, 'path', '/livez'),
    /liveness asks what readiness asks/,
  ],
  [
    'a probe of no port',
    (m) => set(container(m).startupProbe.httpGet, 'port', 'web'),
    /a port that it has not/,
  ],
  ['killed in its drain', (m) => set(pod(m), 'terminationGracePeriodSeconds', 34), /killed before its drain/],
  ['no grace', (m) => set(environment(m, 'HOLDFAST_FLEET_GRACE_MS'), 'value', '0'), /no grace/],
  ['no preStop behind a Service', (m) => void delete container(m).lifecycle, /given time before a drain/],
  ['lower capacity', (m) => set(m.spec.strategy.rollingUpdate, 'maxUnavailable', 1), /lowers its capacity/],
  ['recreated', (m) => set(m.spec, 'strategy', { type: 'Recreate' }), /lowers its capacity/],
  [
    'a selector that does not match',
    (m) => set(m.spec.selector.matchLabels, 'app.kubernetes.io/name', 'x'),
    /does not match its Pods/,
  ],
  [
    'a selector of all components',
    (m) => set(m.spec, 'selector', { matchLabels: { 'app.kubernetes.io/name': 'fleet' } }),
    /matches Pods of 7 workloads/,
  ],
  ['no metrics', (m) => void container(m).ports.splice(1, 1), /listens on a port that it does not name/],
  [
    'metrics nowhere',
    (m) =>
      void container(m).env.splice(container(m).env.indexOf(environment(m, 'HOLDFAST_FLEET_METRICS')), 1),
    /shows no metrics/,
  ],
  ['scraped by nobody', (m) => void delete m.spec.template.metadata.annotations, /told to scrape/],
  [
    'scraped elsewhere',
    (m) => set(m.spec.template.metadata.annotations, 'prometheus.io/port', '8080'),
    /scraped where it shows no metrics/,
  ],
  [
    'a port that nobody reaches',
    (m) => void container(m).ports.push({ name: 'more', containerPort: 1 }),
    /nobody is let in to more/,
  ],
  ['no zones', (m) => void delete pod(m).topologySpreadConstraints, /not spread over zones/],
  ['a token', (m) => set(pod(m), 'automountServiceAccountToken', true), /a token and no rights/],
  ['a token by default', (m) => void delete pod(m).automountServiceAccountToken, /a token and no rights/],
  ['the default account', (m) => void delete pod(m).serviceAccountName, /default ServiceAccount/],
  ['an account that is not there', (m) => set(pod(m), 'serviceAccountName', 'x'), /no ServiceAccount x/],
  ['variables of Services', (m) => void delete pod(m).enableServiceLinks, /variables of every Service/],
  [
    'a Secret in the environment',
    (m) => void container(m).env.push({ name: 'KEY', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } }),
    /Secret is in its environment/,
  ],
  [
    'a whole Secret in the environment',
    (m) => void container(m).envFrom.push({ secretRef: { name: 'x' } }),
    /Secret is in its environment/,
  ],
  [
    'a password in a URL',
    (m) => set(environment(m, 'HOLDFAST_DATABASE_URL'), 'value', 'postgresql://a:b@c/d'),
    /password/,
  ],
  [
    'a Secret for all',
    (m) => void delete pod(m).volumes.find((v: Manifest) => v.secret).secret.defaultMode,
    /more than its group/,
  ],
  [
    'a variable from below',
    (m) => void container(m).env.unshift(container(m).env.pop(), environment(m, 'HOLDFAST_DATABASE_URL')),
    /does not stand above/,
  ],
  ['no ConfigMap', (m) => set(container(m).envFrom[0].configMapRef, 'name', 'x'), /no ConfigMap x/],
  ['no volume', (m) => set(container(m).volumeMounts[0], 'name', 'x'), /no volume x/],
  ['a name that is too long', (m) => set(m.metadata, 'name', 'x'.repeat(60)), /63 characters/],
  ['no namespace', (m) => void delete m.metadata.namespace, /no namespace/],
];
test.each(onDeployment)('a Deployment: %s', (_, change, found) => {
  const { manifests } = changed('Deployment', 'agent-api', change);
  expect(policyErrors(manifests)).toContainEqual(expect.stringMatching(found));
});

test.each<[string, (manifest: Manifest) => void, RegExp]>([
  [
    'without a token',
    (m) =>
      void container(m).env.splice(container(m).env.indexOf(environment(m, 'HOLDFAST_FLEET_TOKEN_FILE')), 1),
    /its pages ask for no token/,
  ],
  [
    'with a token that is not mounted',
    (m) => set(environment(m, 'HOLDFAST_FLEET_TOKEN_FILE'), 'value', '/elsewhere/token'),
    /TOKEN_FILE is in no volume/,
  ],
  [
    'with its token in the environment',
    (m) =>
      set(environment(m, 'HOLDFAST_FLEET_TOKEN_FILE'), 'valueFrom', {
        secretKeyRef: { name: 'console-token', key: 'token' },
      }),
    /Secret is in its environment/,
  ],
  [
    'with a token for all to read',
    (m) => void delete pod(m).volumes.find((v: Manifest) => v.name === 'token').secret.defaultMode,
    /volume token shows a Secret to more/,
  ],
  [
    'on a port of no name',
    (m) => void container(m).ports.splice(-1),
    /HOLDFAST_FLEET_PAGES listens on a port/,
  ],
])('the console: %s', (_, change, found) => {
  const { manifests } = changed('Deployment', 'console', change);
  expect(policyErrors(manifests)).toContainEqual(expect.stringMatching(found));
});

const elsewhere: [string, string, string, (manifest: Manifest) => void, RegExp][] = [
  ['an open namespace', 'Namespace', 'holdfast', (m) => void delete m.metadata.labels, /restricted profile/],
  [
    'a budget of nothing',
    'PodDisruptionBudget',
    'janitor',
    (m) => set(m.spec.selector.matchLabels, 'app.kubernetes.io/component', 'x'),
    /matches 0 workloads/,
  ],
  [
    'a budget that forbids',
    'PodDisruptionBudget',
    'cockroachdb',
    (m) => set(m.spec, 'maxUnavailable', 0),
    /one Pod at a time/,
  ],
  [
    'a Service of nothing',
    'Service',
    'agent-api',
    (m) => set(m.spec.selector, 'x', 'y'),
    /matches 0 workloads/,
  ],
  [
    'a Service of no port',
    'Service',
    'cockroachdb-public',
    (m) => set(m.spec.ports[0], 'targetPort', 'x'),
    /no port x/,
  ],
  [
    'a set without its Service',
    'StatefulSet',
    'cockroachdb',
    (m) => set(m.spec, 'serviceName', 'x'),
    /no Service x/,
  ],
  [
    'a Job with a root container',
    'Job',
    'migrate',
    (m) => set(pod(m).initContainers[0].securityContext, 'runAsUser', 0),
    /schema: it runs as root/,
  ],
  [
    'a Job that copies once',
    'Job',
    'initialize',
    ({ spec }) => {
      const { command } = spec.template.spec.containers[0];
      command[2] = command[2].replace('cp -f', 'cp');
    },
    /initialize: it cannot copy again/,
  ],
  [
    'a Job without its rights',
    'RoleBinding',
    'certificates',
    (m) => set(m, 'subjects', []),
    /a token and no rights/,
  ],
  [
    'a policy of no Pod',
    'NetworkPolicy',
    'to-database',
    (m) => set(m.spec, 'podSelector', { matchLabels: { a: 'b' } }),
    /selects no Pod/,
  ],
  [
    'a policy to no Pod',
    'NetworkPolicy',
    'agents-to-api',
    (m) => set(m.spec.egress[0].to[0].podSelector, 'matchLabels', { a: 'b' }),
    /no Pod is/,
  ],
  [
    'a policy to no port',
    'NetworkPolicy',
    'agents-to-api',
    (m) => set(m.spec.egress[0].ports[0], 'port', 'x'),
    /no port x/,
  ],
  [
    'a way in for everybody',
    'NetworkPolicy',
    'telemetry',
    (m) => void delete m.spec.ingress[0].from,
    /lets in everybody/,
  ],
  [
    'metrics for nobody',
    'NetworkPolicy',
    'telemetry',
    (m) => void delete m.spec.ingress,
    /let in to metrics/,
  ],
  ['pages for nobody', 'NetworkPolicy', 'pages', (m) => void delete m.spec.ingress, /let in to pages/],
  [
    'nothing denied',
    'NetworkPolicy',
    'default-deny',
    (m) => set(m.spec, 'policyTypes', ['Ingress']),
    /denies/,
  ],
];
test.each(elsewhere)('elsewhere: %s', (_, kind, name, change, found) => {
  const { manifests } = changed(kind, name, change);
  expect(policyErrors(manifests)).toContainEqual(expect.stringMatching(found));
});

const ofMachines: [string, string, string, (manifest: Manifest) => void, RegExp][] = [
  [
    'a component that asks the server without a token',
    'Deployment',
    'initializer',
    (m) => set(pod(m), 'automountServiceAccountToken', false),
    /rights at the API server and no token/,
  ],
  [
    'a token for a component that asks nothing',
    'Deployment',
    'installer',
    (m) => set(pod(m), 'automountServiceAccountToken', true),
    /a token and no rights/,
  ],
  [
    'a token in a machine',
    'PodTemplate',
    'machine',
    (m) => set(m.template.spec, 'automountServiceAccountToken', true),
    /a token and no rights/,
  ],
  [
    'a machine as root',
    'PodTemplate',
    'machine',
    (m) => set(m.template.spec.securityContext, 'runAsUser', 0),
    /may run as root/,
  ],
  [
    'a machine with a folder of its node',
    'PodTemplate',
    'machine',
    (m) => void m.template.spec.volumes.push({ name: 'x', hostPath: { path: '/' } }),
    /hostPath/,
  ],
  [
    'a machine of another account',
    'PodTemplate',
    'machine',
    (m) => set(m.template.spec, 'serviceAccountName', 'provisioner'),
    /no ServiceAccount provisioner/,
  ],
  [
    'rights of every kind',
    'Role',
    'provides-machines',
    (m) => set(m.rules[1], 'verbs', ['*']),
    /gives every right/,
  ],
  [
    'a shell in machines',
    'Role',
    'starts-agents',
    (m) => void m.rules[1].resources.push('pods/exec'),
    /a shell in every Pod/,
  ],
  [
    'Pods where the Secrets are',
    'Role',
    'provides-machines',
    (m) => set(m.metadata, 'namespace', 'holdfast'),
    /makes Pods where there are Secrets/,
  ],
  [
    'changes of Pods where the Secrets are',
    'Role',
    'starts-agents',
    (m) => set(m.metadata, 'namespace', 'holdfast'),
    /makes Pods where there are Secrets/,
  ],
  [
    'rights everywhere',
    'RoleBinding',
    'provides-machines',
    (m) => set(m, 'kind', 'ClusterRoleBinding'),
    /gives rights everywhere/,
  ],
  [
    'rights of nobody',
    'RoleBinding',
    'starts-agents',
    (m) => set(m.roleRef, 'name', 'x'),
    /Role starts-agents: nobody has it/,
  ],
  [
    'a policy that lets machines speak to nobody',
    'NetworkPolicy',
    'machines',
    (m) => set(m.spec.egress[1].to[0].podSelector, 'matchLabels', { a: 'b' }),
    /no Pod is/,
  ],
  [
    'the API for no machine',
    'NetworkPolicy',
    'agents',
    (m) => set(m.spec.ingress[0].from[0].podSelector, 'matchLabels', { a: 'b' }),
    /no Pod is/,
  ],
];
test.each(ofMachines)('machines that are Pods: %s', (_, kind, name, change, found) => {
  const { manifests } = changed(kind, name, change, 'machines');
  expect(policyErrors(manifests)).toContainEqual(expect.stringMatching(found));
});

test('machines that are Pods: nothing denied beside them', () => {
  const manifests = rendered.machines.filter(
    ({ kind, metadata }) =>
      kind !== 'NetworkPolicy' || metadata.namespace === 'holdfast' || metadata.name !== 'default-deny',
  );
  expect(policyErrors(manifests)).toEqual([
    'Namespace holdfast-machines: no NetworkPolicy in it denies what the others do not allow',
  ]);
});

test.each<[string, (manifest: Manifest) => void, RegExp]>([
  ['of nothing', (m) => set(m.spec.scaleTargetRef, 'name', 'x'), /is not there/],
  ['to one', (m) => set(m.spec, 'minReplicas', 1), /below two/],
  [
    'on its processor',
    (m) => set(m.spec.metrics, 0, { type: 'Resource', resource: { name: 'cpu' } }),
    /waiting work/,
  ],
])('an autoscaler: %s', (_, change, found) => {
  const { manifests } = changed('HorizontalPodAutoscaler', 'initializer', change, 'production');
  expect(policyErrors(manifests)).toContainEqual(expect.stringMatching(found));
});

test.each<[string, (manifest: Manifest) => void, RegExp]>([
  ['a field that is not there', (m) => set(container(m), 'comand', ['x']), /comand: there is no such field/],
  ['a field of another type', (m) => set(m.spec, 'replicas', 'two'), /replicas/],
  ['no selector', (m) => void delete m.spec.selector, /selector/],
  ['another API version', (m) => set(m, 'apiVersion', 'apps/v1beta1'), /not one of the API versions/],
  ['another kind', (m) => set(m, 'kind', 'Deploiment'), /has no Deploiment/],
])('the schemas find: %s', async (_, change, found) => {
  const { manifest } = changed('Deployment', 'agent-api', change);
  expect(await schemaErrors(manifest)).toContainEqual(expect.stringMatching(found));
});
