import { type Manifest, templateOf, titleOf } from './render.ts';

/** The rules that every overlay keeps, over all its objects: what a server or a policy engine would refuse, and ours. */
export function policyErrors(manifests: readonly Manifest[]): string[] {
  const errors: string[] = [];
  const say = (manifest: Manifest, what: string) => void errors.push(`${titleOf(manifest)}: ${what}`);
  const names = new Set<string>();
  for (const manifest of manifests) {
    const { kind, metadata } = manifest;
    if (!NAME.test(metadata.name)) say(manifest, 'its name is no DNS label of 63 characters at most');
    const full = `${titleOf(manifest)} ${metadata.namespace}`;
    if (names.has(full)) say(manifest, 'there are two of it');
    names.add(full);
    if (kind === 'Namespace') {
      if (metadata.labels?.['pod-security.kubernetes.io/enforce'] !== 'restricted')
        say(manifest, 'it does not enforce the restricted profile');
    } else if (metadata.namespace === undefined) say(manifest, 'it has no namespace');
    if (templateOf(manifest)) {
      podErrors(manifest, manifests, (what) => say(manifest, what));
      if (manifest.spec && kind !== 'Job') workloadErrors(manifest, manifests, (what) => say(manifest, what));
    }
    if (kind === 'Service') serviceErrors(manifest, manifests, (what) => say(manifest, what));
    if (kind === 'PodDisruptionBudget' && selected(manifest, manifests).length !== 1)
      say(manifest, `its selector matches ${selected(manifest, manifests).length} workloads, not one`);
    if (kind === 'HorizontalPodAutoscaler') scalerErrors(manifest, manifests, (what) => say(manifest, what));
    if (kind === 'NetworkPolicy') networkErrors(manifest, manifests, (what) => say(manifest, what));
    if (kind === 'Role') roleErrors(manifest, manifests, (what) => say(manifest, what));
    if (kind.startsWith('ClusterRole')) say(manifest, 'it gives rights everywhere');
    if (kind === 'Namespace' && !denies(metadata.name, manifests))
      say(manifest, 'no NetworkPolicy in it denies what the others do not allow');
  }
  return errors;
}

const denies = (namespace: string, manifests: readonly Manifest[]) =>
  manifests.some(
    ({ kind, metadata, spec }) =>
      kind === 'NetworkPolicy' &&
      metadata.namespace === namespace &&
      Object.keys(spec.podSelector).length === 0 &&
      spec.policyTypes?.includes('Ingress') &&
      spec.policyTypes.includes('Egress') &&
      !spec.ingress &&
      !spec.egress,
  );

/** Who may make or change Pods may mount and read whatever Secrets are beside them. */
function roleErrors({ metadata, rules }: Manifest, manifests: readonly Manifest[], say: Say): void {
  const { namespace } = metadata;
  for (const { apiGroups, resources, verbs } of rules) {
    if ([...apiGroups, ...resources, ...verbs].includes('*')) say('it gives every right');
    if (resources.some((one: string) => one === 'pods/exec' || one === 'pods/attach'))
      say('it gives a shell in every Pod');
    const isMaker =
      resources.includes('pods') && ['create', 'patch', 'update'].some((verb) => verbs.includes(verb));
    const hasSecrets = manifests.some(
      (one) => one.metadata.namespace === namespace && (one.kind === 'Secret' || one.spec?.template),
    );
    if (isMaker && hasSecrets) say('it makes Pods where there are Secrets');
  }
  const isBound = manifests.some(
    ({ kind, metadata: other, roleRef }) =>
      kind === 'RoleBinding' && other.namespace === namespace && roleRef.name === metadata.name,
  );
  if (!isBound) say('nobody has it');
}

/** Pods of a StatefulSet and of a Job have it with a suffix as their name and host name: 11 characters at most. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/;

type Say = (what: string) => void;

function podErrors(manifest: Manifest, manifests: readonly Manifest[], say: Say): void {
  const { spec: pod } = templateOf(manifest)!;
  const all = [...(pod.initContainers ?? []), ...pod.containers];
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) if (pod[field]) say(`${field} is set`);
  const seccomp = pod.securityContext?.seccompProfile?.type;
  if (seccomp !== 'RuntimeDefault') say('its seccomp profile is not RuntimeDefault');
  if (pod.securityContext?.runAsNonRoot !== true || !(pod.securityContext?.runAsUser > 0))
    say('it may run as root');
  if (pod.enableServiceLinks !== false) say('it gets the variables of every Service');
  if (pod.serviceAccountName === undefined) say('it runs as the default ServiceAccount');
  else if (
    !manifests.some(
      ({ kind, metadata }) =>
        kind === 'ServiceAccount' &&
        metadata.name === pod.serviceAccountName &&
        metadata.namespace === manifest.metadata.namespace,
    )
  )
    say(`there is no ServiceAccount ${pod.serviceAccountName}`);
  const asksServer = manifests.some(
    ({ kind, subjects }) =>
      kind === 'RoleBinding' &&
      subjects.some(
        ({ name, namespace }: Manifest) =>
          name === pod.serviceAccountName && namespace === manifest.metadata.namespace,
      ),
  );
  if (pod.automountServiceAccountToken !== asksServer)
    say(
      asksServer
        ? 'it has rights at the API server and no token'
        : 'it has a token and no rights that need one',
    );
  volumeErrors(pod, manifests, say);
  for (const container of all)
    containerErrors(container, pod, manifests, (what) => say(`${container.name}: ${what}`));
}

const VOLUMES = [
  'configMap',
  'secret',
  'emptyDir',
  'projected',
  'downwardAPI',
  'persistentVolumeClaim',
  'csi',
  'ephemeral',
];

function volumeErrors(pod: Manifest, manifests: readonly Manifest[], say: Say): void {
  for (const volume of pod.volumes ?? []) {
    const type = Object.keys(volume).find((key) => key !== 'name')!;
    if (!VOLUMES.includes(type))
      say(`volume ${volume.name} is a ${type}, which the restricted profile refuses`);
    for (const [kind, name] of [
      ['ConfigMap', volume.configMap?.name],
      ['PersistentVolumeClaim', volume.persistentVolumeClaim?.claimName],
    ])
      if (name && !has(manifests, kind, name)) say(`there is no ${kind} ${name}`);
    if (volume.secret && !((volume.secret.defaultMode ?? 0o644) === 0o440))
      say(`volume ${volume.name} shows a Secret to more than its group`);
  }
}

const has = (manifests: readonly Manifest[], kind: string | undefined, name: string) =>
  manifests.some((other) => other.kind === kind && other.metadata.name === name);

function containerErrors(container: Manifest, pod: Manifest, manifests: readonly Manifest[], say: Say): void {
  const { securityContext: security = {}, resources = {}, env = [], envFrom = [] } = container;
  if (security.allowPrivilegeEscalation !== false) say('it may gain privileges');
  if (security.privileged) say('it is privileged');
  if (security.readOnlyRootFilesystem !== true) say('its root file system can be written');
  if (JSON.stringify(security.capabilities?.drop) !== '["ALL"]' || security.capabilities?.add)
    say('it keeps capabilities');
  if (security.runAsUser === 0 || security.runAsNonRoot === false) say('it runs as root');
  if (security.seccompProfile && security.seccompProfile.type !== 'RuntimeDefault')
    say('its seccomp profile is another');
  for (const [what, value] of [
    ['request of CPU', resources.requests?.cpu],
    ['request of memory', resources.requests?.memory],
    ['limit of memory', resources.limits?.memory],
  ])
    if (value === undefined) say(`it has no ${what}`);
  if (bytes(resources.requests?.memory) > bytes(resources.limits?.memory))
    say('it requests more memory than its limit');
  if (!/:[^:/]+$/.test(container.image) || container.image.endsWith(':latest'))
    say(`${container.image} names no release`);
  for (const port of container.ports ?? [])
    if (port.hostPort) say(`it takes port ${port.hostPort} of its node`);
  if (
    envFrom.some((source: Manifest) => source.secretRef) ||
    env.some(({ valueFrom }: Manifest) => valueFrom?.secretKeyRef)
  )
    say('a Secret is in its environment');
  for (const source of envFrom.filter(({ configMapRef }: Manifest) => configMapRef))
    if (!has(manifests, 'ConfigMap', source.configMapRef.name))
      say(`there is no ConfigMap ${source.configMapRef.name}`);
  const seen = new Set<string>();
  for (const { name, value, valueFrom } of env) {
    for (const [, used] of String(value ?? '').matchAll(/\$\((\w+)\)/g))
      if (!seen.has(used!)) say(`${name} uses ${used}, which does not stand above it`);
    if (/:\/\/[^/@]*:[^/@]*@/.test(value ?? '')) say(`${name} has a password in it`);
    const map = valueFrom?.configMapKeyRef;
    if (
      map &&
      !manifests.some((m) => m.kind === 'ConfigMap' && m.metadata.name === map.name && map.key in m.data)
    )
      say(`${name} is from a ConfigMap that is not there`);
    seen.add(name);
  }
  // What it copied before it failed is still there, and may be read-only.
  if (container.command?.some((part: string) => /\bcp (?!-f )/.test(part)))
    say('it cannot copy again when it is started again');
  for (const { name } of container.volumeMounts ?? []) {
    const claims = pod.volumes?.some((volume: Manifest) => volume.name === name);
    const templates = manifests.some(
      (m) =>
        m.kind === 'StatefulSet' &&
        m.spec.template.spec === pod &&
        m.spec.volumeClaimTemplates?.some((claim: Manifest) => claim.metadata.name === name),
    );
    if (!claims && !templates) say(`there is no volume ${name}`);
  }
}

/** What keeps running: Deployments and StatefulSets. */
function workloadErrors(manifest: Manifest, manifests: readonly Manifest[], say: Say): void {
  const { kind, spec } = manifest;
  const { metadata, spec: pod } = spec.template;
  if (!matches(spec.selector, metadata.labels)) say('its selector does not match its Pods');
  const alike = manifests.filter(
    (other) => other.spec?.template && matches(spec.selector, other.spec.template.metadata.labels),
  );
  if (alike.length > 1) say(`its selector matches Pods of ${alike.length} workloads`);
  const budgets = manifests.filter(
    (other) => other.kind === 'PodDisruptionBudget' && matches(other.spec.selector, metadata.labels),
  );
  if (budgets.length !== 1) say(`it has ${budgets.length} disruption budgets`);
  else if (budgets[0].spec.maxUnavailable !== 1) say('its budget is not one Pod at a time');
  if (kind === 'Deployment') {
    const { type, rollingUpdate } = spec.strategy ?? {};
    if (type !== 'RollingUpdate' || rollingUpdate?.maxUnavailable !== 0)
      say('a rolling update lowers its capacity');
  } else if (!has(manifests, 'Service', spec.serviceName)) say(`there is no Service ${spec.serviceName}`);
  const zones = (pod.topologySpreadConstraints ?? []).filter(
    (one: Manifest) =>
      one.topologyKey === 'topology.kubernetes.io/zone' && matches(one.labelSelector, metadata.labels),
  );
  if (zones.length !== 1) say('its Pods are not spread over zones');
  for (const container of pod.containers) {
    const { startupProbe, readinessProbe, livenessProbe } = container;
    if (!startupProbe || !readinessProbe || !livenessProbe) {
      say(`${container.name}: a probe is missing`);
      continue;
    }
    const asks = (probe: Manifest) => JSON.stringify(probe.httpGet ?? probe.tcpSocket ?? probe.exec);
    if (asks(readinessProbe) === asks(livenessProbe))
      say(`${container.name}: liveness asks what readiness asks`);
    if (!['/livez', '/health'].includes(livenessProbe.httpGet?.path))
      say(`${container.name}: liveness asks the database`);
    if (!['/readyz', '/health?ready=1'].includes(readinessProbe.httpGet?.path))
      say(`${container.name}: readiness asks too little`);
    const ports = (container.ports ?? []).map(({ name }: Manifest) => name);
    for (const probe of [startupProbe, readinessProbe, livenessProbe])
      if (!ports.includes((probe.httpGet ?? probe.tcpSocket).port))
        say(`${container.name}: a probe asks a port that it has not`);
    if (kind === 'Deployment')
      portErrors(container, metadata, manifests, (what) => say(`${container.name}: ${what}`));
    const grace =
      Number(container.env?.find(({ name }: Manifest) => name === 'HOLDFAST_FLEET_GRACE_MS')?.value ?? 0) /
      1000;
    const before = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
    if (kind === 'Deployment' && !(grace > 0)) say(`${container.name}: a drain has no grace`);
    if (!((pod.terminationGracePeriodSeconds ?? 30) > grace + before))
      say(`${container.name}: it is killed before its drain is over`);
    const served = manifests.some(
      (m) => m.kind === 'Service' && matches({ matchLabels: m.spec.selector }, metadata.labels),
    );
    if (kind === 'Deployment' && served !== before > 0)
      say(
        `${container.name}: ${served ? 'its Service is not given time before a drain' : 'nothing needs its preStop'}`,
      );
  }
}

/** What a component serves: on ports that it names, to those who are let in. Nobody but its node needs its probes. */
function portErrors(container: Manifest, metadata: Manifest, manifests: readonly Manifest[], say: Say): void {
  const { env = [], ports = [], volumeMounts = [] } = container;
  for (const { name, value } of env) {
    const [, port] = /^0\.0\.0\.0:(\d+)$/.exec(value ?? '') ?? [];
    if (port && !ports.some((one: Manifest) => one.containerPort === Number(port)))
      say(`${name} listens on a port that it does not name`);
    const isMounted = volumeMounts.some(({ mountPath }: Manifest) => value?.startsWith(`${mountPath}/`));
    if (name.endsWith('_FILE') && !isMounted) say(`${name} is in no volume`);
  }
  const has = (name: string) => env.some((one: Manifest) => one.name === name);
  const metrics = ports.find(({ name }: Manifest) => name === 'metrics');
  if (!metrics || !has('HOLDFAST_FLEET_METRICS')) say('it shows no metrics');
  const { annotations = {} } = metadata;
  if (annotations['prometheus.io/scrape'] !== 'true') say('nobody is told to scrape it');
  else if (annotations['prometheus.io/port'] !== String(metrics?.containerPort))
    say('it is scraped where it shows no metrics');
  if (has('HOLDFAST_FLEET_PAGES') && !has('HOLDFAST_FLEET_TOKEN_FILE')) say('its pages ask for no token');
  for (const { name } of ports) {
    const ways = manifests.filter(
      (m) =>
        m.kind === 'NetworkPolicy' &&
        matches(m.spec.podSelector, metadata.labels) &&
        m.spec.ingress?.some((rule: Manifest) => rule.ports?.some((port: Manifest) => port.port === name)),
    );
    if (name !== 'health' && ways.length === 0) say(`nobody is let in to ${name}`);
  }
}

function serviceErrors(manifest: Manifest, manifests: readonly Manifest[], say: Say): void {
  const { selector, ports } = manifest.spec;
  const workloads = manifests.filter(
    (m) => m.spec?.template && matches({ matchLabels: selector }, m.spec.template.metadata.labels),
  );
  if (workloads.length !== 1) {
    say(`its selector matches ${workloads.length} workloads, not one`);
    return;
  }
  const names = workloads[0].spec.template.spec.containers.flatMap((c: Manifest) =>
    (c.ports ?? []).map((p: Manifest) => p.name),
  );
  for (const { targetPort } of ports)
    if (!names.includes(targetPort)) say(`its Pods have no port ${targetPort}`);
}

function scalerErrors(manifest: Manifest, manifests: readonly Manifest[], say: Say): void {
  const { scaleTargetRef, minReplicas, metrics } = manifest.spec;
  const target = manifests.find(
    (m) => m.kind === scaleTargetRef.kind && m.metadata.name === scaleTargetRef.name,
  );
  if (!target) {
    say('what it scales is not there');
    return;
  }
  if (target.spec.replicas !== undefined) say('what it scales says how many there are, too');
  if (!(minReplicas >= 2)) say('it goes below two');
  if (
    !metrics.every(
      ({ type, external }: Manifest) =>
        type === 'External' && external.metric.name === 'holdfast_work_pending',
    )
  )
    say('it does not scale on waiting work');
}

function networkErrors(manifest: Manifest, manifests: readonly Manifest[], say: Say): void {
  const selects = (selector: Manifest, namespace = manifest.metadata.namespace) =>
    manifests
      .filter((m) => templateOf(m) && m.metadata.namespace === namespace)
      .map((m) => templateOf(m)!)
      .filter(({ metadata }) => matches(selector, metadata.labels));
  /** Pods of a namespace that is not ours are not known. */
  const selectsPeer = ({ podSelector, namespaceSelector }: Manifest) => {
    const namespace = namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name'];
    if (!podSelector || (namespaceSelector && !has(manifests, 'Namespace', namespace))) return undefined;
    return selects(podSelector, namespace);
  };
  const { podSelector, ingress = [], egress = [] } = manifest.spec;
  if (selects(podSelector).length === 0) say('it selects no Pod');
  // The API server may be anywhere; nobody else may come from or be reached everywhere.
  if (ingress.some((rule: Manifest) => !rule.from?.length || !rule.ports?.length))
    say('it lets in everybody, or to every port');
  const peers = [
    ...ingress.flatMap((r: Manifest) => r.from ?? []),
    ...egress.flatMap((r: Manifest) => r.to ?? []),
  ];
  for (const peer of peers)
    if (selectsPeer(peer)?.length === 0) say(`no Pod is ${JSON.stringify(peer.podSelector)}`);
  const heads = [
    ...ingress.map((rule: Manifest) => [rule, selects(podSelector)]),
    ...egress.flatMap((rule: Manifest) =>
      (rule.to ?? []).map((to: Manifest) => [rule, selectsPeer(to) ?? []]),
    ),
  ];
  for (const [rule, ends] of heads)
    for (const { port } of rule.ports ?? [])
      if (
        typeof port === 'string' &&
        !ends.every(({ spec }: Manifest) =>
          spec.containers.some((c: Manifest) => c.ports?.some((p: Manifest) => p.name === port)),
        )
      )
        say(`what it leads to has no port ${port}`);
}

const selected = (budget: Manifest, manifests: readonly Manifest[]) =>
  manifests.filter((m) => m.spec?.template && matches(budget.spec.selector, m.spec.template.metadata.labels));

function matches(selector: Manifest, labels: Record<string, string> = {}): boolean {
  if (!selector) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(
      ({ key, operator, values }: Manifest) => operator === 'In' && values.includes(labels[key]),
    )
  );
}

/** How many a quantity of memory is, such as 512Mi. */
export function bytes(quantity: string | undefined): number {
  const [, number, unit = ''] = /^(\d+)([KMG]i)?$/.exec(quantity ?? '') ?? [];
  return Number(number) * ({ '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit] ?? Number.NaN);
}
