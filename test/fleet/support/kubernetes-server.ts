/**
 * It stands in for an API server of Kubernetes and a node: the requests and answers that the fleet's provider makes and gets, in the
 * shapes of the API's reference, faults on demand, and real machine processes' code in its Pods. It is no Kubernetes: what a real one
 * does beyond these shapes is tried by `test/fleet/provider.test.ts` with KUBECONFIG.
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runMachine } from '../../../examples/fleet/src/agent/machine-process.ts';
import {
  KubeConfig,
  type V1Pod,
  type V1PodTemplate,
} from '../../../examples/fleet/src/provider/kubernetes-client.ts';

// biome-ignore lint/suspicious/noExplicitAny: JSON of the API
type Json = any;

export interface Fault {
  /** Method and path, such as `POST /api/v1/namespaces/machines/pods`. */
  readonly at: RegExp;
  readonly times?: number;
  /** `cut`: nothing is done. `lose`: it is done and the answer is lost. `expire`: a watch says that its version is too old. */
  readonly answer: 'cut' | 'lose' | 'expire' | Refusal;
}

export interface Refusal {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Machine {
  readonly folder: string;
  readonly stopping: AbortController;
  readonly done: Promise<void>;
}

const EPOCH = 'holdfast/agent-epoch';
export const NAMESPACE = 'machines';

export class KubernetesServer implements AsyncDisposable {
  /** Method and path of every request, without what is asked for behind `?`. */
  readonly requests: string[] = [];
  readonly pods = new Map<string, V1Pod>();
  /** What the containers have said, by Pod. */
  readonly logs = new Map<string, string[]>();
  template: V1PodTemplate = { template: { spec: { containers: [{ name: 'machine', image: 'fleet:1' }] } } };
  /** False: Pods stay as they are made, and go at once. */
  hasNode = true;
  /** True: Pods that are deleted stay, as those of a dead node do. */
  isNodeDead = false;
  readonly #server: Server;
  readonly #faults: { fault: Fault; left: number }[] = [];
  readonly #watches = new Set<(type: string, pod: V1Pod) => void>();
  readonly #sockets = new Set<ServerResponse>();
  readonly #machines = new Map<string, Machine>();
  readonly #beginnings = new Map<string, Promise<void>>();
  #version = 100;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<KubernetesServer> {
    const server = createServer((request, response) => {
      self.#answer(request, response).catch((error) => response.destroy(error));
    });
    const self = new KubernetesServer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return self;
  }

  get config(): KubeConfig {
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }],
      users: [{ name: 'u', token: 'sesame' }],
      contexts: [{ name: 'x', cluster: 'c', user: 'u', namespace: NAMESPACE }],
      currentContext: 'x',
    });
    return config;
  }

  fault(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  count(at: RegExp): number {
    return this.requests.filter((one) => at.test(one)).length;
  }

  /** As the node and others change a Pod. */
  change(name: string, change: (pod: V1Pod) => void): void {
    const pod = structuredClone(this.pods.get(name)!);
    change(pod);
    this.#keep(pod, 'MODIFIED');
  }

  /** A Pod that has waited for a node gets one. */
  async schedule(name: string): Promise<void> {
    this.#beginnings.set(name, this.#begin(this.pods.get(name)!));
    await this.#beginnings.get(name);
  }

  /** As if its container had been killed and started again. */
  async restart(name: string): Promise<void> {
    const machine = this.#machines.get(name)!;
    machine.stopping.abort();
    await machine.done;
    this.#run(this.pods.get(name)!, machine.folder);
  }

  /** The agents that run on a machine now, by epoch. */
  agents(name: string): readonly bigint[] {
    const last = (this.logs.get(name) ?? []).findLast((line) => line.includes('"agentEpoch"'));
    return this.#machines.has(name) && last ? [BigInt(JSON.parse(last).agentEpoch)] : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#machines.keys()]) await this.#stop(name);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://server');
    const what = `${request.method} ${url.pathname}${url.searchParams.has('watch') ? '?watch' : ''}`;
    this.requests.push(what);
    const text = await new Response(request as never).text();
    const fault = this.#faults.find((one) => one.left > 0 && one.fault.at.test(what));
    if (fault) fault.left -= 1;
    const answer = fault?.fault.answer;
    if (answer === 'cut') return void response.destroy();
    if (typeof answer === 'object') return refuse(response, answer);
    if (request.headers.authorization !== 'Bearer sesame')
      return refuse(response, { code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
    if (url.searchParams.has('watch')) return this.#watch(url, response, answer === 'expire');
    const [, kind, name, part] = /^\/api\/v1\/namespaces\/machines\/(\w+)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(
      url.pathname,
    )!;
    const got =
      kind === 'podtemplates'
        ? this.template
        : part === 'log'
          ? this.#log(name!)
          : await this.#pod(request, url, name, text);
    if (answer === 'lose') return void response.destroy();
    if (typeof got === 'string') response.writeHead(200, { 'content-type': 'text/plain' }).end(got);
    else if ('code' in got && 'reason' in got) refuse(response, got as Refusal);
    else
      response
        .writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(got));
  }

  async #pod(request: IncomingMessage, url: URL, name: string | undefined, text: string): Promise<Json> {
    if (request.method === 'POST') return this.#create(JSON.parse(text));
    if (name === undefined) return this.#list(url);
    const pod = this.pods.get(name);
    if (!pod) return { code: 404, reason: 'NotFound', message: `pods "${name}" not found` };
    if (request.method === 'PATCH') {
      const { metadata } = JSON.parse(text);
      if (request.headers['content-type'] !== 'application/merge-patch+json')
        return {
          code: 415,
          reason: 'UnsupportedMediaType',
          message: 'the body of the request was in an unknown format',
        };
      if (metadata.resourceVersion !== pod.metadata!.resourceVersion || metadata.uid !== pod.metadata!.uid)
        return {
          code: 409,
          reason: 'Conflict',
          message: `Operation cannot be fulfilled on pods "${name}": the object has been modified; please apply your changes to the latest version and try again`,
        };
      const patched = structuredClone(pod);
      patched.metadata!.annotations = { ...patched.metadata!.annotations, ...metadata.annotations };
      this.#keep(patched, 'MODIFIED');
      const machine = this.#machines.get(name);
      if (machine) await writeEpoch(machine.folder, patched);
      return patched;
    }
    if (request.method === 'DELETE') {
      const { preconditions } = text ? JSON.parse(text) : {};
      if (preconditions?.uid && preconditions.uid !== pod.metadata!.uid)
        return {
          code: 409,
          reason: 'Conflict',
          message: 'the UID in the precondition does not match the UID in record',
        };
      if (pod.metadata!.deletionTimestamp) return pod;
      this.change(name, ({ metadata }) => {
        metadata!.deletionTimestamp = new Date('2026-01-01T00:00:00Z');
      });
      if (!this.isNodeDead) void this.#stop(name).then(() => this.#keep(this.pods.get(name)!, 'DELETED'));
      return this.pods.get(name);
    }
    return pod;
  }

  #create(pod: V1Pod): Json {
    const name = pod.metadata!.name!;
    if (this.pods.has(name))
      return { code: 409, reason: 'AlreadyExists', message: `pods "${name}" already exists` };
    pod.metadata = { ...pod.metadata, uid: randomUUID(), namespace: NAMESPACE };
    pod.status = { phase: 'Pending' };
    this.#keep(pod, 'ADDED');
    if (this.hasNode) this.#beginnings.set(name, this.#begin(pod));
    return pod;
  }

  async #begin(pod: V1Pod): Promise<void> {
    const name = pod.metadata!.name!;
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-pod-'));
    await writeEpoch(folder, this.pods.get(name)!);
    this.#run(pod, folder);
    this.change(name, (one) => {
      one.status = { phase: 'Running', containerStatuses: [] };
    });
    // An epoch that was named meanwhile.
    await writeEpoch(folder, this.pods.get(name)!);
  }

  #run(pod: V1Pod, folder: string): void {
    const name = pod.metadata!.name!;
    const log = this.logs.get(name) ?? [];
    this.logs.set(name, log);
    const stopping = new AbortController();
    const done = runMachine(
      {
        machineId: name.slice('machine-'.length),
        directory: folder,
        epochFile: join(folder, 'agent-epoch'),
        apiUrls: [argument(pod, '--agent-api') ?? 'http://127.0.0.1:1'],
        heartbeatIntervalMs: 50,
        lostAfterMs: 600_000,
        onEvent: (event) => log.push(JSON.stringify({ event })),
        say: (line) => log.push(line),
      },
      stopping.signal,
    );
    this.#machines.set(name, { folder, stopping, done });
  }

  async #stop(name: string): Promise<void> {
    await this.#beginnings.get(name);
    this.#beginnings.delete(name);
    const machine = this.#machines.get(name);
    this.#machines.delete(name);
    machine?.stopping.abort();
    await machine?.done;
    this.logs.delete(name);
    if (machine) await rm(machine.folder, { recursive: true, force: true });
  }

  #log(name: string): Json {
    if (!this.pods.has(name)) return { code: 404, reason: 'NotFound', message: `pods "${name}" not found` };
    const log = this.logs.get(name);
    if (!log)
      return {
        code: 400,
        reason: 'BadRequest',
        message: `container "machine" in pod "${name}" is waiting to start: ContainerCreating`,
      };
    return log.map((line) => `${line}\n`).join('');
  }

  #list({ searchParams }: URL): Json {
    const [label, value] = searchParams.get('labelSelector')!.split('=');
    const all = [...this.pods.values()].filter(({ metadata }) => metadata?.labels?.[label!] === value);
    const from = Number(searchParams.get('continue') ?? 0);
    const until = from + Math.min(Number(searchParams.get('limit')), 2);
    const metadata = {
      resourceVersion: String(this.#version),
      ...(until < all.length && { continue: String(until) }),
    };
    return { apiVersion: 'v1', kind: 'PodList', metadata, items: all.slice(from, until) };
  }

  #watch({ searchParams }: URL, response: ServerResponse, isTooOld: boolean): void {
    const name = searchParams.get('fieldSelector')!.slice('metadata.name='.length);
    response.writeHead(200, { 'content-type': 'application/json' });
    const write = (type: string, object: unknown) => response.write(`${JSON.stringify({ type, object })}\n`);
    if (isTooOld) {
      write(
        'ERROR',
        statusOf({ code: 410, reason: 'Expired', message: 'too old resource version: 1 (100)' }),
      );
      response.end();
      return;
    }
    const tell = (type: string, pod: V1Pod) => pod.metadata?.name === name && write(type, pod);
    const pod = this.pods.get(name);
    if (!pod || Number(pod.metadata!.resourceVersion) > Number(searchParams.get('resourceVersion')))
      write(pod ? 'MODIFIED' : 'DELETED', pod ?? {});
    this.#watches.add(tell);
    this.#sockets.add(response);
    response.flushHeaders();
    response.on('close', () => {
      this.#watches.delete(tell);
      this.#sockets.delete(response);
    });
  }

  /** Cuts the watches that are open. */
  cutWatches(): number {
    const { size } = this.#sockets;
    for (const response of this.#sockets) response.destroy();
    return size;
  }

  #keep(pod: V1Pod, type: 'ADDED' | 'MODIFIED' | 'DELETED'): void {
    this.#version += 1;
    pod.metadata!.resourceVersion = String(this.#version);
    if (type === 'DELETED') this.pods.delete(pod.metadata!.name!);
    else this.pods.set(pod.metadata!.name!, pod);
    for (const tell of this.#watches) tell(type, pod);
  }
}

function argument({ spec }: V1Pod, flag: string): string | undefined {
  const args = spec?.containers[0]?.args ?? [];
  return args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined;
}

const statusOf = ({ code, reason, message }: Refusal) => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason,
  code,
});

function refuse(response: ServerResponse, refusal: Refusal): void {
  response
    .writeHead(refusal.code, { 'content-type': 'application/json', ...refusal.headers })
    .end(JSON.stringify(statusOf(refusal)));
}

/** As a node does it: the new file takes the place of the old one. */
async function writeEpoch(folder: string, { metadata }: V1Pod): Promise<void> {
  const file = join(folder, 'agent-epoch');
  await writeFile(`${file}.new`, metadata?.annotations?.[EPOCH] ?? '');
  await rename(`${file}.new`, file);
}
