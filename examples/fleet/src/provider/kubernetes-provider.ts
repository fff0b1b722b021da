/**
 * Machines that are Pods. A Pod's name is made from the machine's id, so that the API server itself lets one come about at most; the
 * epoch of its agent is an annotation, changed only in the Pod as it was read, so that it only grows. What runs in the Pod
 * (machine-process.ts) reads the annotation from a file, runs the agent of that epoch, and says its key in the Pod's log.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig, type V1Pod } from './kubernetes-client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { Pods } from './kubernetes-pods.ts';
import { parseStart } from './machine-log.ts';
import {
  AgentStartError,
  type CreateMachineRequest,
  MachineNotFoundError,
  type ProvidedMachine,
  type Provider,
  StaleEpochError,
  type StartAgentRequest,
} from './provider.ts';

export interface KubernetesProviderOptions {
  /** How to reach the API server. Default: KUBECONFIG, or what a Pod with a token finds. */
  readonly config?: KubeConfig | undefined;
  /** Where the machines are; nothing else should be there. Default: the namespace of the configuration. */
  readonly namespace?: string | undefined;
  /** The PodTemplate of that namespace that machines are made from. */
  readonly template: string;
  /** Arguments for what runs in the Pod, beside its machine's id: how its agent speaks to the API. */
  readonly agentArguments: readonly string[];
  /** How long a Pod may take until its agent has said its key, in milliseconds: a node may have to come up. Default 120,000. */
  readonly startTimeoutMs?: number | undefined;
  /** How long a Pod of a machine that is to be made anew may take to be gone, in milliseconds. Default 30,000. */
  readonly goneTimeoutMs?: number | undefined;
  /** Told of machines that have ended without anybody asking for it, such as by an eviction. */
  readonly onEnded?: ((providerId: string, why: string) => void) | undefined;
}

const OWNER = { 'app.kubernetes.io/managed-by': 'holdfast-fleet' };
const SELECTOR = Object.entries(OWNER)
  .map(([name, value]) => `${name}=${value}`)
  .join(',');
const NAME = 'holdfast/machine-name';
const EPOCH = 'holdfast/agent-epoch';
const START = 'holdfast/agent-start';
const PAUSE_MS = 300;

export class KubernetesProvider implements Provider {
  readonly name = 'kubernetes';
  readonly #options: KubernetesProviderOptions;
  readonly #pods: Pods;

  constructor(options: KubernetesProviderOptions) {
    this.#options = options;
    const config = options.config ?? defaultConfig();
    const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {};
    this.#pods = new Pods(config, options.namespace ?? namespace ?? 'default');
  }

  /** Pods that have ended for good, such as evicted ones, are no machines: they are removed on the way. */
  async listMachines(signal: AbortSignal): Promise<readonly ProvidedMachine[]> {
    const machines: ProvidedMachine[] = [];
    for (const pod of await this.#pods.list(SELECTOR, signal)) {
      const { name = '', uid, annotations } = pod.metadata ?? {};
      if (isMachine(pod)) machines.push({ providerId: name, name: annotations?.[NAME] });
      else if (!isLeaving(pod)) {
        this.#options.onEnded?.(name, whyEnded(pod));
        await this.#pods.remove(name, signal, uid);
      }
    }
    return machines;
  }

  async createMachine(
    { machineId, name }: CreateMachineRequest,
    signal: AbortSignal,
  ): Promise<ProvidedMachine> {
    const providerId = `machine-${machineId}`;
    const body = await this.#podOf(providerId, machineId, name, signal);
    const limit = AbortSignal.timeout(this.#options.goneTimeoutMs ?? 30_000);
    for (;;) {
      if (await this.#pods.create(body, signal)) return { providerId, name };
      const there = await this.#pods.read(providerId, signal);
      if (!there) {
        // It went meanwhile, or a quota was changed by others at the same time, which is said alike.
        await sleep(PAUSE_MS, undefined, { signal });
        continue;
      }
      const { labels = {}, annotations = {}, uid } = there.metadata ?? {};
      if (Object.entries(OWNER).some(([label, value]) => labels[label] !== value))
        throw new KubernetesError(`Pod ${providerId} is there and is no machine of the fleet: remove it`);
      if (isMachine(there)) return { providerId, name: annotations[NAME] ?? name };
      if (!isLeaving(there)) await this.#pods.remove(providerId, signal, uid);
      const isAnother = (pod: V1Pod) => pod.metadata?.uid !== uid;
      await this.#pods.until(providerId, isAnother, AbortSignal.any([signal, limit])).catch((error) => {
        if (!limit.aborted || signal.aborted) throw error;
        throw new KubernetesError(
          `Pod ${providerId} is to be replaced and does not go: its node may be dead, see kubectl describe`,
        );
      });
    }
  }

  /** Its agent ends with it, within the Pod's grace period. */
  async destroyMachine(providerId: string, signal: AbortSignal): Promise<void> {
    await this.#pods.remove(providerId, signal);
  }

  async startAgent({ providerId, epoch }: StartAgentRequest, signal: AbortSignal) {
    await this.#depose(providerId, epoch, signal);
    const begunMs = performance.now();
    const timeoutMs = this.#options.startTimeoutMs ?? 120_000;
    const limit = AbortSignal.timeout(timeoutMs);
    const within = AbortSignal.any([signal, limit]);
    let last: V1Pod | undefined;
    try {
      for (;;) {
        last = await this.#pods.until(
          providerId,
          (pod) => {
            last = pod;
            return isRunning(pod) || !isMachine(pod) || epochOf(pod) !== epoch;
          },
          within,
        );
        if (!last) throw new MachineNotFoundError(providerId);
        if (epochOf(last) > epoch) throw new StaleEpochError(providerId, epoch);
        if (!isMachine(last)) throw notStarted(whyEnded(last));
        // By how long ago, not by when: clocks differ.
        const seconds = Math.ceil((performance.now() - begunMs) / 1000) + 30;
        const log = await this.#pods.log(providerId, containerOf(last), seconds, within);
        const start = parseStart(log ?? '', epoch);
        if (start?.hasEnded) throw notStarted('its container was started again meanwhile');
        if (start) return { publicKey: start.publicKey };
        await sleep(PAUSE_MS, undefined, { signal: within });
      }
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      throw notStarted(
        `${timeoutMs / 1000} s are over, and ${last ? whyWaiting(last) : 'nothing is known of its Pod'}`,
      );
    }
  }

  /** Makes this the epoch of the Pod, also while others try the same. Throws StaleEpochError when there is a higher one. */
  async #depose(providerId: string, epoch: bigint, signal: AbortSignal): Promise<void> {
    const start = randomUUID();
    for (;;) {
      const pod = await this.#pods.read(providerId, signal);
      if (!pod || !isMachine(pod)) throw new MachineNotFoundError(providerId);
      // An answer was lost: it was this call that changed it.
      if (pod.metadata?.annotations?.[START] === start) return;
      if (epochOf(pod) >= epoch) throw new StaleEpochError(providerId, epoch);
      if (await this.#pods.annotate(pod, { [EPOCH]: String(epoch), [START]: start }, signal)) return;
    }
  }

  async #podOf(providerId: string, machineId: string, name: string, signal: AbortSignal): Promise<V1Pod> {
    const { template } = await this.#pods.template(this.#options.template, signal);
    const [container, ...others] = template?.spec?.containers ?? [];
    if (!template?.spec || !container)
      throw new KubernetesError(`PodTemplate ${this.#options.template} has no container`);
    const { labels, annotations } = template.metadata ?? {};
    const args = [...(container.args ?? []), '--machine-id', machineId, ...this.#options.agentArguments];
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: providerId,
        labels: { ...labels, ...OWNER },
        annotations: { ...annotations, [NAME]: name, [EPOCH]: '0' },
      },
      spec: { ...template.spec, containers: [{ ...container, args }, ...others] },
    };
  }
}

/** Throws KubernetesError where nothing says which server. */
function defaultConfig(): KubeConfig {
  const config = new KubeConfig();
  const file = process.env['KUBECONFIG'];
  try {
    config.loadFromDefault();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new KubernetesError(`KUBECONFIG (${file}) cannot be read: ${message.split('\n')[0]}`, { cause });
  }
  // Where it finds nothing, the client takes a server that nobody has named.
  const isNamed = file || config.getCurrentContext() !== 'loaded-context';
  if (!isNamed || !config.getCurrentCluster())
    throw new KubernetesError(
      'which API server? set KUBECONFIG to a file with a current context, or run in a Pod that has a token',
    );
  return config;
}

const isLeaving = ({ metadata }: V1Pod) => metadata?.deletionTimestamp !== undefined;
const hasEnded = ({ status }: V1Pod) => status?.phase === 'Failed' || status?.phase === 'Succeeded';
const isMachine = (pod: V1Pod) => !isLeaving(pod) && !hasEnded(pod);
const isRunning = ({ status }: V1Pod) => status?.phase === 'Running';
const containerOf = ({ spec }: V1Pod) => spec?.containers[0]?.name ?? '';
const epochOf = ({ metadata }: V1Pod) => BigInt(metadata?.annotations?.[EPOCH] ?? '0');
const notStarted = (why: string) => new AgentStartError(`the agent did not start: ${why}`);

const said = (...parts: readonly (string | undefined)[]) =>
  parts.filter(Boolean).join(': ').replaceAll(/\s+/g, ' ');

function whyEnded(pod: V1Pod): string {
  if (isLeaving(pod)) return 'its Pod is being deleted';
  const { phase, reason, message } = pod.status ?? {};
  return said(`its Pod has ended (${phase})`, reason, message);
}

function whyWaiting({ status }: V1Pod): string {
  const { phase, conditions = [], containerStatuses = [] } = status ?? {};
  const unscheduled = conditions.find((one) => one.type === 'PodScheduled' && one.status === 'False');
  if (unscheduled) return said('its Pod has no node', unscheduled.reason, unscheduled.message);
  const waiting = containerStatuses.find(({ state }) => state?.waiting)?.state?.waiting;
  if (waiting) return said('its container waits', waiting.reason, waiting.message);
  return phase === 'Running' ? 'its Pod runs and says nothing of it' : `its Pod is ${phase}`;
}
