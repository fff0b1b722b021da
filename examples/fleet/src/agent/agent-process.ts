/** One agent as a process of its own, for a machine of the `process` provider. */
import { rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { listEpochs, writeAgentRecord } from '../provider/agent-directory.ts';
import { type AgentEnd, createAgent } from './agent.ts';
import { readHardware } from './hardware.ts';

export interface AgentProcessOptions {
  readonly machineId: string;
  /** The agent's folder: `<machine>/agents/<epoch>`. */
  readonly directory: string;
  readonly apiUrls: readonly string[];
  readonly heartbeatIntervalMs: number;
  readonly lostAfterMs: number;
  readonly onEvent: (event: string, details: Readonly<Record<string, unknown>>) => void;
  /** Called once with the public key, when the agent can be found by what has to stop it. */
  readonly onStarted: (publicKey: Uint8Array) => void;
}

/** Runs until told to end, replaced, or given up by its API. */
export async function runAgentProcess(options: AgentProcessOptions, signal: AbortSignal): Promise<AgentEnd> {
  const { directory } = options;
  const machineDirectory = dirname(dirname(directory));
  const epoch = BigInt(basename(directory));
  const agent = createAgent({
    ...options,
    hardware: readHardware,
    install: (image, generation) => install(machineDirectory, image, generation),
    isWanted: async () => (await listEpochs(machineDirectory)).at(-1) === epoch,
  });
  await writeAgentRecord(directory, {
    pid: process.pid,
    publicKey: Buffer.from(agent.publicKey).toString('base64'),
  });
  options.onStarted(agent.publicKey);
  return agent.run(signal);
}

/** A machine that is a folder has its system in a file. Written whole or not at all. */
export async function install(directory: string, image: string, generation: number): Promise<void> {
  const path = join(directory, 'os-release.json');
  await writeFile(`${path}.tmp`, `${JSON.stringify({ image, generation })}\n`);
  await rename(`${path}.tmp`, path);
}
