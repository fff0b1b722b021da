/**
 * The agent of one machine: makes itself a key, then says at every interval that the machine lives, once what
 * it is made of, and installs what it is asked to. It holds no state that it cannot lose: a new one takes over
 * with a new key.
 */
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type HeartbeatRequest,
  type HeartbeatResponse,
  heartbeatPath,
  heartbeatResponse,
  type Refusal,
  refusal,
} from '../agent-api/protocol.ts';
import { rawPublicKey, signRequest } from '../agent-api/signature.ts';
import { cut, type HardwareReport } from './hardware.ts';

export interface AgentOptions {
  readonly machineId: string;
  /** Base URLs of the API's replicas; the next one is tried when one does not answer. */
  readonly apiUrls: readonly string[];
  readonly heartbeatIntervalMs: number;
  /** The agent ends when no request was accepted for so long. */
  readonly lostAfterMs: number;
  readonly hardware: () => Promise<HardwareReport>;
  /** Installs an operating system; throws when it cannot. */
  readonly install: (image: string, generation: number) => Promise<void>;
  /** Asked before every request: false ends the agent. */
  readonly isWanted?: () => Promise<boolean>;
  readonly onEvent?: (event: string, details: Readonly<Record<string, unknown>>) => void;
}

/**
 * Why an agent ended: told to, replaced by another one (known by the API or by the machine itself), or
 * nobody listened for too long.
 */
export type AgentEnd = 'stopped' | 'superseded' | 'unwanted' | 'lost';

export interface Agent {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Works until the signal aborts or there is reason to end. Never rejects because of the network. */
  run(signal: AbortSignal): Promise<AgentEnd>;
}

const FIRST_RETRY_MS = 100;
const REQUEST_TIMEOUT_MS = 5_000;

export function createAgent(options: AgentOptions): Agent {
  const { privateKey, publicKey: publicKeyObject } = generateKeyPairSync('ed25519');
  const publicKey = rawPublicKey(publicKeyObject);
  const event = options.onEvent ?? (() => {});
  let nonce = 0n;
  // Agents begin at different replicas, so that all of them have some.
  let api = Math.floor(Math.random() * options.apiUrls.length);
  /** What to add to this host's clock to get the API's. */
  let clockOffsetMs = 0;

  async function send(body: HeartbeatRequest, signal: AbortSignal): Promise<HeartbeatResponse | Refusal> {
    const text = JSON.stringify(body);
    const path = heartbeatPath(options.machineId);
    nonce += 1n;
    const now = Date.now();
    const signed = signRequest(
      { method: 'POST', path, body: text },
      privateKey,
      publicKey,
      nonce,
      now + clockOffsetMs,
    );
    const response = await fetch(new URL(path, options.apiUrls[api]), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signed },
      body: text,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    const answer: unknown = await response.json();
    if (response.ok) return heartbeatResponse.parse(answer);
    const refused = refusal.parse(answer);
    const serverMs = Date.parse(response.headers.get('date') ?? '');
    if (refused.error === 'created' && Number.isFinite(serverMs)) clockOffsetMs = serverMs - now;
    return refused;
  }

  async function install(image: string, generation: number): Promise<HeartbeatRequest['installation']> {
    event('installing', { image, generation });
    try {
      await options.install(image, generation);
      return { generation, result: 'success' };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      event('installation failed', { image, generation, detail });
      return { generation, result: 'failure', detail: cut(detail, 1000) };
    }
  }

  async function run(signal: AbortSignal): Promise<AgentEnd> {
    let hardware: HardwareReport | undefined = await options.hardware();
    let installation: HeartbeatRequest['installation'];
    let wasAccepted = false;
    let lastAcceptedMs = performance.now();
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      let waitMs = options.heartbeatIntervalMs;
      try {
        if (options.isWanted && !(await options.isWanted())) return 'unwanted';
        const answer = await send(
          { ...(hardware && { hardware }), ...(installation && { installation }) },
          signal,
        );
        if ('error' in answer) {
          if (answer.error === 'superseded' && wasAccepted) return 'superseded';
          throw new Error(`${answer.error}: ${answer.message}`);
        }
        if (!wasAccepted) event('accepted', { api: options.apiUrls[api] });
        wasAccepted = true;
        lastAcceptedMs = performance.now();
        retryMs = FIRST_RETRY_MS;
        hardware = undefined;
        installation = undefined;
        if (answer.installation) {
          installation = await install(answer.installation.image, answer.installation.generation);
          waitMs = 0;
        }
      } catch (error) {
        if (signal.aborted) break;
        event('not accepted', { api: options.apiUrls[api], error: String(error) });
        if (performance.now() - lastAcceptedMs > options.lostAfterMs) return 'lost';
        api = (api + 1) % options.apiUrls.length;
        waitMs = Math.min(retryMs, options.heartbeatIntervalMs);
        retryMs *= 2;
      }
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
    return 'stopped';
  }

  return { publicKey, run };
}
