// The provider before a server of recorded shapes: what the server refuses, loses and cuts.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KubernetesError } from '../../examples/fleet/src/provider/kubernetes-error.ts';
import {
  KubernetesProvider,
  type KubernetesProviderOptions,
} from '../../examples/fleet/src/provider/kubernetes-provider.ts';
import { AgentStartError, MachineNotFoundError } from '../../examples/fleet/src/provider/provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { KubernetesServer, type Refusal } from './support/kubernetes-server.ts';

const never = new AbortController().signal;
const MAKE = /^POST .*\/pods$/;
const READ = /^GET .*\/pods\/[^/]+$/;
const LIST = /^GET .*\/pods$/;
const PATCH = /^PATCH /;
const WATCH = /\?watch$/;
const LOG = /\/log$/;

const FORBIDDEN: Refusal = {
  code: 403,
  reason: 'Forbidden',
  message: `pods is forbidden: User "system:serviceaccount:holdfast:provisioner" cannot create resource "pods" in API group "" in the namespace "machines"`,
};
const BUSY: Refusal = {
  code: 429,
  reason: 'TooManyRequests',
  message: 'Too many requests, please try again later.',
  headers: { 'retry-after': '0' },
};
const BROKEN: Refusal = { code: 500, reason: 'InternalError', message: 'etcdserver: request timed out' };

let server: KubernetesServer;
let ended: string[];
beforeEach(async () => {
  server = await KubernetesServer.start();
  ended = [];
});
afterEach(() => server[Symbol.asyncDispose]());

const providerWith = (options: Partial<KubernetesProviderOptions> = {}) =>
  new KubernetesProvider({
    config: server.config,
    template: 'machine',
    agentArguments: ['--agent-api', 'http://agent-api.holdfast:8070'],
    onEnded: (providerId, why) => ended.push(`${providerId}: ${why}`),
    ...options,
  });

async function createMachine(provider = providerWith()) {
  const machineId = randomUUID();
  const { providerId } = await provider.createMachine({ machineId, name: 'node' }, never);
  return { machineId, providerId };
}

const runs = ({ providerId }: { readonly providerId: string }) =>
  waitFor(() => server.pods.get(providerId)?.status?.phase === 'Running', { what: `${providerId} to run` });

test('a machine is a Pod of the template, with its id, its name and no epoch', async () => {
  server.template = {
    template: {
      metadata: { labels: { 'app.kubernetes.io/name': 'machine' } },
      spec: {
        serviceAccountName: 'machine',
        containers: [{ name: 'machine', image: 'fleet:1', args: ['--directory', '/machine'] }],
      },
    },
  };
  const { machineId, providerId } = await createMachine();
  expect(providerId).toBe(`machine-${machineId}`);
  expect(server.pods.get(providerId)).toMatchObject({
    metadata: {
      labels: { 'app.kubernetes.io/name': 'machine', 'app.kubernetes.io/managed-by': 'holdfast-fleet' },
      annotations: { 'holdfast/machine-name': 'node', 'holdfast/agent-epoch': '0' },
    },
    spec: {
      serviceAccountName: 'machine',
      containers: [
        {
          image: 'fleet:1',
          args: [
            ...['--directory', '/machine', '--machine-id', machineId],
            ...['--agent-api', 'http://agent-api.holdfast:8070'],
          ],
        },
      ],
    },
  });
});

test('an answer that is lost makes no second machine and no second epoch', async () => {
  server.fault({ at: MAKE, answer: 'lose' });
  server.fault({ at: PATCH, answer: 'lose' });
  const machine = await createMachine();
  expect([server.pods.size, server.count(MAKE)]).toEqual([1, 2]);
  const { publicKey } = await providerWith().startAgent({ ...machine, epoch: 7n }, never);
  // It is sent again, and refused, because the Pod has changed: by this very start.
  expect([publicKey.length, server.count(PATCH), server.agents(machine.providerId)]).toEqual([32, 2, [7n]]);
});

test.each<[string, Refusal | 'cut', number]>([
  ['429 with Retry-After', BUSY, 3],
  ['500', BROKEN, 3],
  ['503 of a proxy that is no Status', { ...BROKEN, code: 503 }, 2],
  ['a connection that is cut', 'cut', 3],
])('what passes is asked for again: %s', async (_, answer, times) => {
  for (const at of [MAKE, PATCH, READ, LOG, LIST]) server.fault({ at, answer, times });
  const provider = providerWith();
  const machine = await createMachine(provider);
  await provider.startAgent({ ...machine, epoch: 1n }, never);
  expect(await provider.listMachines(never)).toEqual([{ providerId: machine.providerId, name: 'node' }]);
});

test.each<[string, Refusal, RegExp]>([
  [
    '403',
    FORBIDDEN,
    /^the API server refuses to make Pod machine-[-\w]+ \(403\): pods is forbidden: User "system:/,
  ],
  [
    'a quota',
    {
      ...FORBIDDEN,
      message:
        'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4',
    },
    /\(403\): .*exceeded quota: small/,
  ],
  [
    '401',
    { code: 401, reason: 'Unauthorized', message: 'Unauthorized' },
    /\(401\): it does not know who asks$/,
  ],
  [
    '422',
    {
      code: 422,
      reason: 'Invalid',
      message: 'Pod "x" is invalid: spec.containers[0].image:\n Required value',
    },
    /\(422\): Pod "x" is invalid: spec.containers\[0\].image: Required value$/,
  ],
])('what does not pass is told at once, in one line: %s', async (_, answer, line) => {
  server.fault({ at: MAKE, answer, times: 9 });
  const error = await createMachine().catch((thrown) => thrown);
  expect(error).toBeInstanceOf(KubernetesError);
  expect([error.code, error.status, error.isPassing]).toEqual([
    'HOLDFAST_FLEET_KUBERNETES',
    answer.code,
    false,
  ]);
  expect(error.message).toMatch(line);
  expect([error.message.includes('\n'), server.count(MAKE)]).toEqual([false, 1]);
});

test('a server that stays as it is, or that is not there, is told in one line', async () => {
  server.fault({ at: MAKE, answer: { ...BUSY, headers: { 'retry-after': '0' } }, times: 9 });
  await expect(createMachine()).rejects.toMatchObject({
    message: expect.stringMatching(/\(429\): Too many requests, please try again later\.$/),
    isPassing: true,
    retryAfterMs: 0,
  });
  expect(server.count(MAKE)).toBe(4);
  const provider = providerWith();
  await server[Symbol.asyncDispose]();
  await expect(provider.listMachines(never)).rejects.toMatchObject({
    message: expect.stringMatching(/^the API server does not answer, asked to list Pods: .*ECONNREFUSED/),
    isPassing: true,
  });
});

test('a Pod of that name which is no machine is left alone and told', async () => {
  const machineId = randomUUID();
  server.hasNode = false;
  await createMachine();
  const [pod] = [...server.pods.values()];
  server.pods.set(`machine-${machineId}`, { ...pod, metadata: { name: `machine-${machineId}`, uid: 'x' } });
  await expect(providerWith().createMachine({ machineId, name: 'node' }, never)).rejects.toThrow(
    `Pod machine-${machineId} is there and is no machine of the fleet: remove it`,
  );
});

test('an evicted machine is listed no more, is told and removed, and comes about anew', async () => {
  const provider = providerWith();
  const machine = await createMachine(provider);
  await runs(machine);
  server.change(machine.providerId, (pod) => {
    pod.status = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' };
  });
  const { uid } = server.pods.get(machine.providerId)!.metadata!;
  await expect(provider.startAgent({ ...machine, epoch: 1n }, never)).rejects.toBeInstanceOf(
    MachineNotFoundError,
  );
  expect(await provider.listMachines(never)).toEqual([]);
  expect(ended).toEqual([
    `${machine.providerId}: its Pod has ended (Failed): Evicted: The node was low on resource: memory.`,
  ]);
  expect(await provider.createMachine({ ...machine, name: 'node' }, never)).toEqual({
    providerId: machine.providerId,
    name: 'node',
  });
  expect(server.pods.get(machine.providerId)!.metadata!.uid).not.toBe(uid);
});

test('one that has failed and that nobody has listed is replaced when it is asked for', async () => {
  const machine = await createMachine();
  await runs(machine);
  server.change(machine.providerId, (pod) => {
    pod.status = { phase: 'Failed' };
  });
  await providerWith().createMachine({ ...machine, name: 'node' }, never);
  expect(server.pods.get(machine.providerId)!.status!.phase).not.toBe('Failed');
});

test('a Pod that does not go, as on a dead node, keeps its machine from running twice', async () => {
  const provider = providerWith({ goneTimeoutMs: 300 });
  const machine = await createMachine(provider);
  server.isNodeDead = true;
  await provider.destroyMachine(machine.providerId, never);
  expect(await provider.listMachines(never)).toEqual([]);
  await expect(provider.createMachine({ ...machine, name: 'node' }, never)).rejects.toThrow(
    `Pod ${machine.providerId} is to be replaced and does not go: its node may be dead, see kubectl describe`,
  );
  expect(server.pods.size).toBe(1);
});

test('lists go page by page, and from the first again when their moment is too long ago', async () => {
  const provider = providerWith();
  server.hasNode = false;
  const made = await Promise.all(Array.from({ length: 5 }, () => createMachine(provider)));
  const ids = async () => (await provider.listMachines(never)).map(({ providerId }) => providerId).sort();
  expect(await ids()).toEqual(made.map(({ providerId }) => providerId).sort());
  expect(server.count(LIST)).toBe(3);
  let pages = 0;
  const expired: Refusal = {
    code: 410,
    reason: 'Expired',
    message: 'The provided continue parameter is too old',
  };
  server.fault({
    at: { test: (what: string) => LIST.test(what) && ++pages === 2 } as RegExp,
    answer: expired,
  });
  expect(await ids()).toEqual(made.map(({ providerId }) => providerId).sort());
  expect(server.count(LIST)).toBe(8);
});

test.each<[string, () => void]>([
  ['is cut', () => void waitFor(() => server.cutWatches() > 0)],
  ['is too old, as an event', () => server.fault({ at: WATCH, answer: 'expire', times: 2 })],
  [
    'is too old, as an answer',
    () =>
      server.fault({
        at: WATCH,
        answer: { code: 410, reason: 'Expired', message: 'too old resource version' },
      }),
  ],
  ['is refused for now', () => server.fault({ at: WATCH, answer: BROKEN, times: 2 })],
])('a start whose watch %s goes on', async (_, disturb) => {
  const provider = providerWith();
  server.hasNode = false;
  const machine = await createMachine(provider);
  disturb();
  const starting = provider.startAgent({ ...machine, epoch: 1n }, never);
  await waitFor(() => server.count(WATCH) >= 2, { what: 'the second watch' });
  await server.schedule(machine.providerId);
  expect((await starting).publicKey).toHaveLength(32);
});

test('a watch that may not be is told', async () => {
  const provider = providerWith();
  server.hasNode = false;
  const machine = await createMachine(provider);
  server.fault({ at: WATCH, answer: FORBIDDEN, times: 9 });
  await expect(provider.startAgent({ ...machine, epoch: 1n }, never)).rejects.toThrow(
    `the API server refuses to watch Pod ${machine.providerId} (403)`,
  );
});

test('a Pod that others change at the same time costs a start another try', async () => {
  const machine = await createMachine();
  const conflict = { code: 409, reason: 'Conflict', message: 'the object has been modified' };
  server.fault({ at: PATCH, answer: conflict, times: 5 });
  await providerWith().startAgent({ ...machine, epoch: 1n }, never);
  expect(server.count(PATCH)).toBe(6);
});

test.each<[string, (provider: string) => void, RegExp]>([
  [
    'has no node',
    (name) =>
      server.change(name, (pod) => {
        const message = '0/3 nodes are available: 3 Insufficient memory.';
        pod.status!.conditions = [
          { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message },
        ];
      }),
    /0\.5 s are over, and its Pod has no node: Unschedulable: 0\/3 nodes are available: 3 Insufficient memory\.$/,
  ],
  [
    'has no image',
    (name) =>
      server.change(name, (pod) => {
        const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "fleet:1"' };
        pod.status!.containerStatuses = [{ name: 'machine', state: { waiting } } as never];
      }),
    /its container waits: ImagePullBackOff: Back-off pulling image "fleet:1"$/,
  ],
  ['is pending', () => {}, /its Pod is Pending$/],
])('an agent whose Pod %s is told so when its time is over', async (_, change, line) => {
  const provider = providerWith({ startTimeoutMs: 500 });
  server.hasNode = false;
  const machine = await createMachine(provider);
  change(machine.providerId);
  const error = await provider.startAgent({ ...machine, epoch: 1n }, never).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(AgentStartError);
  expect(error.message).toMatch(line);
});

test('a machine that is evicted or goes while its agent starts is told at once', async () => {
  const provider = providerWith();
  server.hasNode = false;
  const evicted = await createMachine(provider);
  const gone = await createMachine(provider);
  const starts = [evicted, gone].map((machine) => provider.startAgent({ ...machine, epoch: 1n }, never));
  const outcome = Promise.allSettled(starts);
  await waitFor(() => server.count(WATCH) === 2);
  server.change(evicted.providerId, (pod) => {
    pod.status = { phase: 'Failed', reason: 'Evicted' };
  });
  await provider.destroyMachine(gone.providerId, never);
  const [first, second] = await outcome;
  expect(first).toMatchObject({
    reason: { message: expect.stringMatching(/its Pod has ended \(Failed\): Evicted$/) },
  });
  expect(second).toMatchObject({ status: 'rejected' });
  expect((second as PromiseRejectedResult).reason.message).toMatch(/has no machine|is being deleted/);
});

test('an agent that went with its container is not started again under its epoch, but under the next', async () => {
  const provider = providerWith();
  const machine = await createMachine(provider);
  const first = await provider.startAgent({ ...machine, epoch: 1n }, never);
  await server.restart(machine.providerId);
  await waitFor(() => server.logs.get(machine.providerId)!.some((line) => line.includes('"ended":true')));
  const second = await provider.startAgent({ ...machine, epoch: 2n }, never);
  expect(second.publicKey).not.toEqual(first.publicKey);
});

test('a start that is called off ends at once, whatever it waits for', async () => {
  server.hasNode = false;
  const machine = await createMachine();
  const calledOff = new AbortController();
  const start = providerWith().startAgent({ ...machine, epoch: 1n }, calledOff.signal);
  const outcome = start.catch((error) => error);
  await waitFor(() => server.count(WATCH) === 1);
  calledOff.abort(new Error('called off'));
  expect(await outcome).toMatchObject({ message: 'called off' });
});

/** What RBAC calls a request. */
function rightOf(request: string): string {
  const [, method, kind, name, part] =
    /^(\w+) \/api\/v1\/namespaces\/machines\/(\w+)(?:\/([^/?]+))?(?:\/(\w+))?/.exec(request)!;
  const resource = part ? `${kind}/${part}` : kind;
  if (request.endsWith('?watch')) return `watch ${resource}`;
  if (method === 'GET') return `${name ? 'get' : 'list'} ${resource}`;
  return `${{ POST: 'create', PATCH: 'patch', DELETE: 'delete' }[method!]} ${resource}`;
}

test('the roles of k8s/machines have just the rights that are used', async () => {
  const roles = parseAllDocuments(await readFile('k8s/machines/rights.yaml', 'utf8')).map((one) =>
    one.toJS(),
  );
  const given = (role: string) =>
    roles
      .find(({ kind, metadata }) => kind === 'Role' && metadata.name === role)
      .rules.flatMap(({ resources, verbs }: { resources: string[]; verbs: string[] }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
      )
      .sort();
  const used = () => [...new Set(server.requests.splice(0).map(rightOf))].sort();

  // A provisioner: also where the Pod that it replaces takes its time.
  const provider = providerWith({ goneTimeoutMs: 300 });
  const machine = await createMachine(provider);
  await runs(machine);
  await provider.listMachines(never);
  server.isNodeDead = true;
  await provider.destroyMachine(machine.providerId, never);
  await provider.createMachine({ ...machine, name: 'node' }, never).catch(() => {});
  const other = await createMachine(provider);
  expect(used()).toEqual(given('provides-machines'));

  // An initializer or a recoverer: also where a Pod is still to run.
  server.hasNode = false;
  const waiting = await createMachine(provider);
  server.requests.length = 0;
  const starting = provider.startAgent({ ...waiting, epoch: 1n }, never);
  await waitFor(() => server.count(WATCH) === 1);
  await server.schedule(waiting.providerId);
  await starting;
  await provider.startAgent({ ...other, epoch: 1n }, never);
  expect(used()).toEqual(given('starts-agents'));
});
