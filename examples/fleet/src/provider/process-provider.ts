/**
 * Machines that are folders, with agents that are real processes of this host. An agent is detached from the
 * component that started it and outlives it, as on a real machine; it ends by itself when its folder goes
 * (the machine is destroyed) or a higher epoch appears in it. See agent-directory.ts for why this needs no
 * locks.
 */
import { spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifAbsent } from '../absent.ts';
import {
  agentDirectory,
  agentsDirectory,
  killAgents,
  listEpochs,
  makeAgentDirectory,
} from './agent-directory.ts';
import {
  AgentStartError,
  type CreateMachineRequest,
  MachineNotFoundError,
  type ProvidedMachine,
  type Provider,
  StaleEpochError,
  type StartAgentRequest,
} from './provider.ts';

export interface ProcessProviderOptions {
  /** Where the machines' folders are kept. Every component of one fleet names the same. */
  readonly directory: string;
  /** The program that is an agent, with its first arguments; the machine's own are appended. */
  readonly agentCommand: readonly [string, ...string[]];
  /** How long it takes to get a machine, in milliseconds: real ones are ordered. */
  readonly createDelayMs?: number | undefined;
  /** How long a machine takes before its agent comes up, in milliseconds: real ones boot. */
  readonly bootDelayMs?: number | undefined;
}

const START_TIMEOUT_MS = 30_000;
/** What a rename onto a folder says that is not empty. */
const HAS_SOMETHING_IN_IT = new Set(['ENOTEMPTY', 'EEXIST']);

/** An agent speaks to the API alone: how to get at the database is not its to know. */
function agentEnvironment(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter(
    (name) => !/^(HOLDFAST_)?DATABASE_URL$|^PG[A-Z]+$/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

export class ProcessProvider implements Provider {
  readonly name = 'process';
  readonly #directory: string;
  readonly #agentCommand: readonly [string, ...string[]];
  readonly #createDelayMs: number;
  readonly #bootDelayMs: number;

  constructor(options: ProcessProviderOptions) {
    this.#directory = options.directory;
    this.#agentCommand = options.agentCommand;
    this.#createDelayMs = options.createDelayMs ?? 0;
    this.#bootDelayMs = options.bootDelayMs ?? 0;
  }

  async listMachines(): Promise<readonly ProvidedMachine[]> {
    const ids = await readdir(this.#directory).catch(ifAbsent([]));
    const machines = ids.filter((id) => id.startsWith('process-')).map((id) => this.#read(id));
    return (await Promise.all(machines)).filter((machine) => machine !== undefined);
  }

  /** The id is made from the idempotency key, and a rename brings the machine about whole: a repeat finds it. */
  async createMachine(
    { machineId, name }: CreateMachineRequest,
    signal?: AbortSignal,
  ): Promise<ProvidedMachine> {
    if (this.#createDelayMs > 0) await sleep(this.#createDelayMs, undefined, { signal });
    const providerId = `process-${machineId}`;
    const draft = this.#aside('draft', machineId);
    await mkdir(agentsDirectory(draft), { recursive: true });
    await writeFile(join(draft, 'machine.json'), JSON.stringify({ name, machineId }));
    try {
      await rename(draft, this.#path(providerId));
    } catch (error) {
      if (await this.#read(providerId)) await rm(draft, { recursive: true, force: true });
      else if (!HAS_SOMETHING_IN_IT.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      else {
        // No machine, only what is left of one.
        await this.#remove(providerId);
        await rename(draft, this.#path(providerId));
      }
    }
    return { providerId, name };
  }

  async destroyMachine(providerId: string): Promise<void> {
    const directory = this.#path(providerId);
    await killAgents(directory, await listEpochs(directory));
    await this.#remove(providerId);
  }

  /** At once for every reader: a machine is there whole or not at all, wherever this is killed. */
  async #remove(providerId: string): Promise<void> {
    const trash = this.#aside('destroyed', providerId);
    try {
      await rename(this.#path(providerId), trash);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await rm(trash, { recursive: true, force: true, maxRetries: 3 });
  }

  #aside(what: string, id: string): string {
    return join(this.#directory, `.${what}-${id}-${process.pid}-${Math.random().toString(36).slice(2)}`);
  }

  async startAgent({ providerId, machineId, epoch }: StartAgentRequest, signal: AbortSignal) {
    const directory = this.#path(providerId);
    if (!(await this.#read(providerId))) throw new MachineNotFoundError(providerId);
    const earlier = await listEpochs(directory);
    if (earlier.some((other) => other >= epoch)) throw new StaleEpochError(providerId, epoch);
    if (!(await makeAgentDirectory(directory, epoch))) throw new StaleEpochError(providerId, epoch);
    await killAgents(directory, earlier);
    if (this.#bootDelayMs > 0) await sleep(this.#bootDelayMs, undefined, { signal });
    // Deposed while it booted? One that is deposed from now on notices by itself.
    if ((await listEpochs(directory)).at(-1) !== epoch) throw new StaleEpochError(providerId, epoch);
    return { publicKey: await this.#spawnAgent(directory, machineId, epoch, signal) };
  }

  /** The agent's first line of output is its public key; what it says on standard error goes to a file. */
  async #spawnAgent(
    directory: string,
    machineId: string,
    epoch: bigint,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const [program, ...first] = this.#agentCommand;
    const ownDirectory = agentDirectory(directory, epoch);
    const logPath = join(ownDirectory, 'agent.log');
    const log = await open(logPath, 'a');
    const args = [...first, '--machine-id', machineId, '--directory', ownDirectory];
    try {
      const child = spawn(program, args, {
        detached: true,
        stdio: ['ignore', 'pipe', log.fd],
        env: agentEnvironment(),
      });
      const output = child.stdout as Readable;
      const firstLine = new Promise<string>((resolve, reject) => {
        child.once('error', reject);
        createInterface({ input: output })
          .once('line', resolve)
          .once('close', () => reject(new Error('it ended')));
      });
      try {
        const line = await within(
          firstLine,
          AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)]),
        );
        const key = Buffer.from(line, 'base64');
        if (key.length !== 32)
          throw new Error(`it said ${JSON.stringify(line.slice(0, 100))} instead of its key`);
        return new Uint8Array(key);
      } catch (cause) {
        child.kill('SIGKILL');
        signal.throwIfAborted();
        const said = (await readFile(logPath, 'utf8').catch(() => '')).trim().split('\n').at(-1);
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new AgentStartError(`the agent did not start: ${reason}${said ? `; it said: ${said}` : ''}`, {
          cause,
        });
      } finally {
        output.destroy();
        child.unref();
      }
    } finally {
      await log.close();
    }
  }

  async #read(providerId: string): Promise<ProvidedMachine | undefined> {
    const text = await readFile(join(this.#path(providerId), 'machine.json'), 'utf8').catch(
      ifAbsent(undefined),
    );
    return text === undefined ? undefined : { providerId, name: (JSON.parse(text) as { name: string }).name };
  }

  #path(providerId: string): string {
    if (!/^process-[0-9a-f-]{36}$/.test(providerId)) throw new MachineNotFoundError(providerId);
    return join(this.#directory, providerId);
  }
}

function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
