/** Pods of one namespace, as the fleet asks for them: what passes is asked for again, the rest is told in one line. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConfigurationOptions,
  CoreV1Api,
  type KubeConfig,
  Observable,
  PatchStrategy,
  type RequestContext,
  type ResponseContext,
  type V1Pod,
  type V1PodTemplate,
  Watch,
} from './kubernetes-client.ts';
import { KubernetesError, kubernetesError } from './kubernetes-error.ts';

/** How often a request is made that fails by what passes; the work's own backoff comes behind it. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 200;
const ANSWER_WITHIN_MS = 15_000;
const PAGE = 500;
const GONE = 410;

export class Pods {
  readonly namespace: string;
  readonly #config: KubeConfig;
  readonly #api: CoreV1Api;

  constructor(config: KubeConfig, namespace: string) {
    this.namespace = namespace;
    this.#config = config;
    this.#api = config.makeApiClient(CoreV1Api);
  }

  template(name: string, signal: AbortSignal): Promise<V1PodTemplate> {
    const { namespace } = this;
    return this.#ask(`read PodTemplate ${name}`, signal, (options) =>
      this.#api.readNamespacedPodTemplate({ name, namespace }, options),
    );
  }

  /** False: there is a Pod of that name already. It may be that an answer was lost and the Pod is ours. */
  async create(body: V1Pod, signal: AbortSignal): Promise<boolean> {
    const { namespace } = this;
    const made = await this.#unless(409, `make Pod ${body.metadata?.name}`, signal, (options) =>
      this.#api.createNamespacedPod({ namespace, body, fieldValidation: 'Strict' }, options),
    );
    return made !== undefined;
  }

  /** Undefined: there is none. */
  read(name: string, signal: AbortSignal): Promise<V1Pod | undefined> {
    const { namespace } = this;
    return this.#unless(404, `read Pod ${name}`, signal, (options) =>
      this.#api.readNamespacedPod({ name, namespace }, options),
    );
  }

  /** All that have these labels, as they were at one moment. */
  async list(labelSelector: string, signal: AbortSignal): Promise<readonly V1Pod[]> {
    const { namespace } = this;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const pods: V1Pod[] = [];
        let next: string | undefined;
        do {
          const page = await this.#ask('list Pods', signal, (options) =>
            this.#api.listNamespacedPod(
              { namespace, labelSelector, limit: PAGE, ...(next && { _continue: next }) },
              options,
            ),
          );
          pods.push(...page.items);
          next = page.metadata?._continue;
        } while (next);
        return pods;
      } catch (error) {
        // The moment is too long ago: from the first page again.
        if (!(error instanceof KubernetesError && error.status === GONE) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Sets annotations of the Pod as it was read. False: it has changed since, or is gone. */
  async annotate(
    { metadata }: V1Pod,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { name = '', uid, resourceVersion } = metadata ?? {};
    const body = { metadata: { uid, resourceVersion, annotations } };
    const patched = await this.#unless(
      [404, 409],
      `change Pod ${name}`,
      signal,
      (options) => this.#api.patchNamespacedPod({ name, namespace: this.namespace, body }, options),
      PatchStrategy.MergePatch,
    );
    return patched !== undefined;
  }

  /** Of this one, when a `uid` is given, and not of one that has taken its name. Succeeds when there is none. */
  async remove(name: string, signal: AbortSignal, uid?: string): Promise<void> {
    const { namespace } = this;
    await this.#unless(uid === undefined ? 404 : [404, 409], `delete Pod ${name}`, signal, (options) =>
      this.#api.deleteNamespacedPod(
        { name, namespace, ...(uid !== undefined && { body: { preconditions: { uid } } }) },
        options,
      ),
    );
  }

  /** What a container has said in the last so many seconds; undefined while there is nothing to read. */
  log(
    name: string,
    container: string,
    sinceSeconds: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { namespace } = this;
    // 400: its container has not begun.
    return this.#unless([400, 404], `read the log of Pod ${name}`, signal, (options) =>
      this.#api.readNamespacedPodLog({ name, namespace, container, sinceSeconds }, options),
    );
  }

  /**
   * The Pod as soon as it passes the test, or undefined when there is none. It is watched; whenever the watch ends, is cut or is too
   * old (410), the Pod is read anew, so that nothing is missed.
   */
  async until(name: string, test: (pod: V1Pod) => boolean, signal: AbortSignal): Promise<V1Pod | undefined> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, 5_000)) {
      const pod = await this.read(name, signal);
      if (!pod || test(pod)) return pod;
      const hasChanged = await this.#watch(name, pod.metadata?.resourceVersion, test, signal);
      if (hasChanged) pauseMs = FIRST_PAUSE_MS;
      else await sleep(pauseMs, undefined, { signal });
    }
  }

  /** Resolves when it is worth reading again: true when the Pod passes or is deleted, false when the watch is over. */
  async #watch(
    name: string,
    resourceVersion: string | undefined,
    test: (pod: V1Pod) => boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const seen = Promise.withResolvers<boolean>();
    const stop = () => seen.reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    let watching: AbortController | undefined;
    let isOver = false;
    try {
      const opening = new Watch(this.#config).watch(
        `/api/v1/namespaces/${this.namespace}/pods`,
        { fieldSelector: `metadata.name=${name}`, resourceVersion, timeoutSeconds: 60 },
        (type: string, pod: V1Pod) => {
          if (type === 'DELETED' || (type === 'MODIFIED' && test(pod))) seen.resolve(true);
        },
        (error: unknown) => {
          const refusal = error ? kubernetesError(`watch Pod ${name}`, error) : undefined;
          if (refusal && !refusal.isPassing && refusal.status !== GONE) seen.reject(refusal);
          else seen.resolve(false);
        },
      );
      opening.then(
        (controller) => {
          watching = controller;
          if (isOver) controller.abort();
        },
        (error) => seen.reject(kubernetesError(`watch Pod ${name}`, error)),
      );
      return await seen.promise;
    } finally {
      isOver = true;
      signal.removeEventListener('abort', stop);
      watching?.abort();
    }
  }

  /** Undefined: it was refused with one of these. */
  async #unless<T>(
    statuses: number | readonly number[],
    what: string,
    signal: AbortSignal,
    request: (options: ConfigurationOptions) => Promise<T>,
    contentType?: string,
  ): Promise<T | undefined> {
    try {
      return await this.#ask(what, signal, request, contentType);
    } catch (error) {
      if (error instanceof KubernetesError && [statuses].flat().includes(error.status ?? 0)) return undefined;
      throw error;
    }
  }

  async #ask<T>(
    what: string,
    signal: AbortSignal,
    request: (options: ConfigurationOptions) => Promise<T>,
    contentType?: string,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
        return await request(callOptions(within, contentType));
      } catch (cause) {
        signal.throwIfAborted();
        const error = kubernetesError(what, cause);
        if (!error.isPassing || attempt === ATTEMPTS) throw error;
        const pauseMs = error.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
        await sleep(pauseMs, undefined, { signal });
      }
    }
  }
}

/** The client takes a signal, and how a patch is meant, by its middleware alone. */
function callOptions(signal: AbortSignal, contentType: string | undefined): ConfigurationOptions {
  const middleware = {
    pre: (request: RequestContext) => {
      request.setSignal(signal);
      if (contentType !== undefined) request.setHeaderParam('Content-Type', contentType);
      return new Observable(Promise.resolve(request));
    },
    post: (response: ResponseContext) => new Observable(Promise.resolve(response)),
  };
  return { middleware: [middleware], middlewareMergeStrategy: 'append' };
}
