/** Which components the demo starts, with how many replicas, and with which flags. */
import { SETTINGS } from './settings.ts';
import type { Supervisor } from './supervisor.ts';

export interface ComponentsOptions {
  readonly inventory: string;
  readonly machinesDirectory: string;
  /** How long one may take to come up. */
  readonly limit: AbortSignal;
}

/** Resolves with their number when all of them are up. */
export async function startComponents(
  supervisor: Supervisor,
  { inventory, machinesDirectory, limit }: ComponentsOptions,
): Promise<number> {
  // Room enough in each replica for all the work of another one; a later flag overrides.
  const common = [
    ...flags('sessionIntervalMs', 'pollIntervalMs', 'graceMs'),
    '--parallelism',
    '100',
    '--stop-on-stdin-end',
  ];
  const start = (component: string, replicas: number, more: readonly string[]) =>
    Array.from({ length: replicas }, (_, index) =>
      supervisor.start(component, index + 1, () => ['fleet', component, ...common, ...more], {
        message: 'started',
        field: 'health',
      }),
    );
  const apis = [1, 2].map((number) => startApi(supervisor, number, common));
  const others = [
    ...start('installer', 2, flags('silentMs')),
    ...start('janitor', 1, flags('silentMs', 'sweepIntervalMs')),
  ];
  const urls = await orAborted(Promise.all(apis), limit);
  const provider = [
    '--machines-directory',
    machinesDirectory,
    '--agent-api',
    urls.join(','),
    ...flags('agentHeartbeatMs', 'agentLostAfterMs', 'createDelayMs', 'bootDelayMs'),
  ];
  // Machines come in waves.
  const waves = ['--parallelism', '3'];
  others.push(
    ...start('provisioner', 2, [
      ...provider,
      '--inventory',
      inventory,
      ...flags('reconcileIntervalMs'),
      ...waves,
    ]),
    ...start('initializer', 2, provider),
    ...start('recoverer', 2, [...provider, ...flags('silentMs', 'firstHeartbeatMs')]),
  );
  await orAborted(Promise.all(others), limit);
  return supervisor.children.length;
}

/** Resolves with its URL. Started again, it listens where the agents look for it. */
async function startApi(supervisor: Supervisor, number: number, common: readonly string[]): Promise<string> {
  let address = '127.0.0.1:0';
  const args = () => ['fleet', 'agent-api', ...common, '--listen', address];
  const url = await supervisor.start('agent-api', number, args, { message: 'listening', field: 'url' });
  address = new URL(url).host;
  return url;
}

const flags = (...names: readonly (keyof typeof SETTINGS)[]) =>
  names.flatMap((name) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(SETTINGS[name]),
  ]);

function orAborted<T>(promise: Promise<T>, limit: AbortSignal): Promise<T> {
  return Promise.race([
    promise,
    new Promise<never>((_, reject) => {
      limit.addEventListener('abort', () => reject(limit.reason), { once: true });
      if (limit.aborted) reject(limit.reason);
    }),
  ]);
}
