/**
 * Machines that exist in memory only, for fleets larger than a host has room for. The agents are real agents,
 * with keys and signed requests, run inside this process; what they report is made up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentOptions, createAgent } from '../agent/agent.ts';
import type { HardwareReport } from '../agent/hardware.ts';
import {
  type CreateMachineRequest,
  MachineNotFoundError,
  type ProvidedMachine,
  type Provider,
  StaleEpochError,
  type StartAgentRequest,
} from './provider.ts';

export interface SimulatedProviderOptions
  extends Pick<AgentOptions, 'apiUrls' | 'heartbeatIntervalMs' | 'lostAfterMs'> {
  /** How long each call takes, in milliseconds. */
  readonly latencyMs?: number | undefined;
}

interface SimulatedMachine extends ProvidedMachine {
  readonly machineId: string;
  epoch: bigint;
  starts: number;
  agent: AbortController | undefined;
}

/** One object stands for the whole provider: all components of a fleet share it. */
export class SimulatedProvider implements Provider, AsyncDisposable {
  readonly name = 'simulated';
  readonly #machines = new Map<string, SimulatedMachine>();
  /** Ids are never used again, not even those of destroyed machines. */
  #created = 0;
  readonly #running = new Set<Promise<unknown>>();
  readonly #options: SimulatedProviderOptions;

  constructor(options: SimulatedProviderOptions) {
    this.#options = options;
  }

  async listMachines(signal: AbortSignal): Promise<readonly ProvidedMachine[]> {
    await this.#latency(signal);
    return [...this.#machines.values()].map(({ providerId, name }) => ({ providerId, name }));
  }

  async createMachine(
    { machineId, name }: CreateMachineRequest,
    signal: AbortSignal,
  ): Promise<ProvidedMachine> {
    await this.#latency(signal);
    const existing = [...this.#machines.values()].find((machine) => machine.machineId === machineId);
    if (existing) return existing;
    this.#created += 1;
    const machine = { providerId: `simulated-${this.#created}-${name}`, machineId, name };
    this.#machines.set(machine.providerId, { ...machine, epoch: 0n, starts: 0, agent: undefined });
    return machine;
  }

  async destroyMachine(providerId: string): Promise<void> {
    this.killAgent(providerId);
    this.#machines.delete(providerId);
  }

  async startAgent({ providerId, epoch }: StartAgentRequest, signal: AbortSignal) {
    await this.#latency(signal);
    const machine = this.#machines.get(providerId);
    if (!machine) throw new MachineNotFoundError(providerId);
    if (machine.epoch >= epoch) throw new StaleEpochError(providerId, epoch);
    machine.agent?.abort();
    machine.epoch = epoch;
    machine.starts += 1;
    machine.agent = new AbortController();
    const agent = createAgent({
      ...this.#options,
      machineId: machine.machineId,
      hardware: async () => simulatedHardware(machine.name ?? providerId),
      install: async () => {},
    });
    const run = agent.run(machine.agent.signal).finally(() => this.#running.delete(run));
    this.#running.add(run);
    return { publicKey: agent.publicKey };
  }

  /** As if the machine's agent had been killed. */
  killAgent(providerId: string): void {
    this.#machines.get(providerId)?.agent?.abort();
  }

  /** How often an agent was started on each machine, by the machine's name. */
  startsByName(): ReadonlyMap<string, number> {
    return new Map([...this.#machines.values()].map(({ name, starts }) => [name ?? '', starts]));
  }

  /** Stops every agent. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const providerId of this.#machines.keys()) this.killAgent(providerId);
    await Promise.all(this.#running);
  }

  async #latency(signal: AbortSignal): Promise<void> {
    if (this.#options.latencyMs) await sleep(this.#options.latencyMs, undefined, { signal });
  }
}

function simulatedHardware(name: string): HardwareReport {
  return {
    hostname: name,
    architecture: 'x64',
    kernel: 'simulated',
    cpus: Array.from({ length: 8 }, () => ({ model: 'simulated', mhz: 3000 })),
    memoryBytes: 64 * 2 ** 30,
    disks: [{ name: 'disk0', bytes: 2 ** 40 }],
    networkInterfaces: [{ name: 'eth0', mac: '02:00:00:00:00:01', addresses: [] }],
  };
}
