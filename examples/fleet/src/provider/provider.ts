import { HoldfastError } from '../../../../src/index.ts';

/** A machine as its provider lists it. */
export interface ProvidedMachine {
  /** What the provider calls it: unique and stable within the provider. */
  readonly providerId: string;
  /** The name that it was created with; undefined for machines that came about some other way. */
  readonly name?: string | undefined;
}

export interface CreateMachineRequest {
  /** Idempotency key, see `createMachine`. */
  readonly machineId: string;
  readonly name: string;
}

export interface StartAgentRequest {
  readonly providerId: string;
  readonly machineId: string;
  /** Fencing token: counts the starts of agents on this machine. */
  readonly epoch: bigint;
}

/**
 * Where machines come from. A provider keeps no lock and asks for none: calls may be repeated, overlap, and
 * come late from a component that lost its work long ago. These promises are what makes that harmless:
 *
 * - `createMachine` is idempotent by `machineId`: while a machine made for that id exists, it is returned.
 * - `destroyMachine` of a machine that is not there succeeds.
 * - `startAgent` leaves the machine with one agent, that of the highest epoch ever asked for. Lower ones are
 *   stopped, and asking for one throws StaleEpochError.
 */
export interface Provider {
  /** The name under which its machines are in the database. */
  readonly name: string;
  listMachines(signal: AbortSignal): Promise<readonly ProvidedMachine[]>;
  createMachine(request: CreateMachineRequest, signal: AbortSignal): Promise<ProvidedMachine>;
  destroyMachine(providerId: string, signal: AbortSignal): Promise<void>;
  /**
   * Starts an agent and returns the public half (32 bytes) of the ed25519 key that the agent made for itself.
   *
   * @throws MachineNotFoundError, StaleEpochError, AgentStartError
   */
  startAgent(request: StartAgentRequest, signal: AbortSignal): Promise<{ readonly publicKey: Uint8Array }>;
}

/** The provider has no such machine. */
export class MachineNotFoundError extends HoldfastError {
  readonly code = 'HOLDFAST_FLEET_MACHINE_NOT_FOUND';

  constructor(providerId: string) {
    super(`the provider has no machine ${providerId}`);
  }
}

/** An agent of a higher epoch was asked for already: the caller has lost the work on the machine. */
export class StaleEpochError extends HoldfastError {
  readonly code = 'HOLDFAST_FLEET_STALE_EPOCH';

  constructor(providerId: string, epoch: bigint) {
    super(`epoch ${epoch} of ${providerId}'s agent is out of date`);
  }
}

/** The agent did not come up. `message` ends with the last that it said. */
export class AgentStartError extends HoldfastError {
  readonly code = 'HOLDFAST_FLEET_AGENT_START';
}
