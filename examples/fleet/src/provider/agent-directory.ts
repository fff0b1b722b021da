/**
 * The folder in which a machine of the `process` provider keeps its agents, one sub-folder per epoch. The
 * folders' names are the fence: an agent that makes a higher one has deposed all lower ones, without a lock that
 * somebody stopped or killed could hold.
 */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifAbsent } from '../absent.ts';
import { commandLineOf } from './process-table.ts';

/** What a running agent writes about itself. */
export interface AgentRecord {
  readonly pid: number;
  /** Base64. */
  readonly publicKey: string;
}

export const agentsDirectory = (machineDirectory: string) => join(machineDirectory, 'agents');
export const agentDirectory = (machineDirectory: string, epoch: bigint) =>
  join(agentsDirectory(machineDirectory), epoch.toString());

/** Epochs for which a start was tried, ascending; empty when the machine is gone. */
export async function listEpochs(machineDirectory: string): Promise<bigint[]> {
  const names = await readdir(agentsDirectory(machineDirectory)).catch(ifAbsent([]));
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(BigInt)
    .sort((a, b) => (a < b ? -1 : 1));
}

/** False when the folder exists already. Throws ENOENT when the machine is gone. */
export async function makeAgentDirectory(machineDirectory: string, epoch: bigint): Promise<boolean> {
  try {
    await mkdir(agentDirectory(machineDirectory, epoch));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Written whole or not at all. */
export async function writeAgentRecord(directory: string, record: AgentRecord): Promise<void> {
  const path = join(directory, 'agent.json');
  await writeFile(`${path}.tmp`, JSON.stringify(record));
  await rename(`${path}.tmp`, path);
}

/** The agent of an epoch, if it is running now: a recycled process id is not mistaken for it. */
export async function findAgent(machineDirectory: string, epoch: bigint): Promise<AgentRecord | undefined> {
  const directory = agentDirectory(machineDirectory, epoch);
  const text = await readFile(join(directory, 'agent.json'), 'utf8').catch(ifAbsent(undefined));
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as AgentRecord;
  // With the space behind it: epoch 1 is not epoch 10.
  return `${await commandLineOf(record.pid)} `.includes(`${directory} `) ? record : undefined;
}

/** Kills the agents of these epochs and returns when they are gone. They have nothing to clean up. */
export async function killAgents(machineDirectory: string, epochs: readonly bigint[]): Promise<void> {
  await Promise.all(
    epochs.map(async (epoch) => {
      for (
        let agent = await findAgent(machineDirectory, epoch);
        agent;
        agent = await findAgent(machineDirectory, epoch)
      ) {
        try {
          process.kill(agent.pid, 'SIGKILL');
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
        await sleep(10);
      }
    }),
  );
}
