/** What runs in a machine that is a Pod: the agent of the highest epoch that the Pod's annotation has named, one at a time. */
import { mkdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifAbsent } from '../absent.ts';
import { agentsDirectory, makeAgentDirectory } from '../provider/agent-directory.ts';
import { endedLine, startLine } from '../provider/machine-log.ts';
import { createAgent } from './agent.ts';
import { type AgentProcessOptions, install } from './agent-process.ts';
import { readHardware } from './hardware.ts';

export interface MachineOptions extends Omit<AgentProcessOptions, 'directory' | 'onStarted'> {
  /** The machine's folder. It outlives the container, not the Pod. */
  readonly directory: string;
  /** The file that has the annotation; Kubernetes keeps it up to date. */
  readonly epochFile: string;
  /** Takes what the provider reads in the log. */
  readonly say: (line: string) => void;
}

const LOOK_MS = 200;

/** Runs until the signal aborts. */
export async function runMachine(options: MachineOptions, signal: AbortSignal): Promise<void> {
  const { directory, epochFile, say, onEvent } = options;
  await mkdir(agentsDirectory(directory), { recursive: true });
  let epoch = 0n;
  let stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  while (!signal.aborted) {
    const wanted = await readEpoch(epochFile);
    if (wanted > epoch) {
      stopping.abort();
      await running;
      epoch = wanted;
      // Another one with the same epoch would be one with another key, which nobody knows.
      if (await makeAgentDirectory(directory, epoch)) {
        stopping = new AbortController();
        const agent = createAgent({
          ...options,
          hardware: readHardware,
          install: (image, generation) => install(directory, image, generation),
        });
        running = agent
          .run(AbortSignal.any([stopping.signal, signal]))
          .then((end) => onEvent('agent ended', { epoch: String(wanted), end }));
        say(startLine(epoch, agent.publicKey));
      } else say(endedLine(epoch));
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
  }
  await running;
}

/** Empty until the first agent is asked for. */
async function readEpoch(file: string): Promise<bigint> {
  const text = await readFile(file, 'utf8').catch(ifAbsent(''));
  return /^\d+$/.test(text.trim()) ? BigInt(text.trim()) : 0n;
}
