/**
 * The reference fleet: bare-metal machines kept running by components that hold nothing but sessions and work.
 * It uses Holdfast through its public entry points only, and is meant to be read and copied.
 */
export { type Agent, type AgentEnd, type AgentOptions, createAgent } from './agent/agent.ts';
export { type AgentProcessOptions, runAgentProcess } from './agent/agent-process.ts';
export { type HardwareReport, readHardware } from './agent/hardware.ts';
export { type AgentApiOptions, createAgentApi } from './agent-api/server.ts';
export { type AgentApiComponentOptions, runAgentApi } from './components/agent-api.ts';
export type { Component, ComponentOptions } from './components/component.ts';
export { type FleetConsoleOptions, runFleetConsole } from './components/console.ts';
export { type InitializerOptions, runInitializer } from './components/initializer.ts';
export { type InstallerOptions, runInstaller } from './components/installer.ts';
export { type FleetJanitorOptions, runFleetJanitor } from './components/janitor.ts';
export { type ProvisionerOptions, runProvisioner } from './components/provisioner.ts';
export { type RecovererOptions, runRecoverer } from './components/recoverer.ts';
export { type ServeOptions, serveComponent } from './components/serve.ts';
export {
  type Inventory,
  InventoryError,
  type InventoryMachine,
  parseInventory,
  readInventory,
} from './inventory/inventory.ts';
export { createLogger, type Logger } from './logger.ts';
// The provider `kubernetes` is for those who have it: its client is large, so it is imported from its own file.
export type { KubernetesProvider, KubernetesProviderOptions } from './provider/kubernetes-provider.ts';
export { ProcessProvider, type ProcessProviderOptions } from './provider/process-provider.ts';
export * from './provider/provider.ts';
export { SimulatedProvider, type SimulatedProviderOptions } from './provider/simulated-provider.ts';
